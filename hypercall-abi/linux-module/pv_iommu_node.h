/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0 */
/* The node /dev/pv-iommu: calls from user space, for tests and tools. For programs. */

#ifndef PV_IOMMU_NODE_H
#define PV_IOMMU_NODE_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* Most elements of one call, so that a program cannot hold a processor for long. */
#define PV_IOMMU_NODE_MAX_COUNT 4096

/*
 * A call. The array is copied in, and back with its statuses. 24 bytes.
 *
 * The ioctl itself fails with E2BIG for too many elements, EFAULT for memory
 * that is not there, EINVAL for a sub-operation whose element is not known,
 * ENOMEM, and EPERM without CAP_SYS_RAWIO. Otherwise it returns 0, and
 * `result` is what the hypercall returned.
 */
struct pv_iommu_node_call {
	__u32 cmd;
	__u32 count;
	__u64 arg; /* address of the array in the program's memory */
	__s64 result;
};

#define PV_IOMMU_NODE_CALL _IOWR(0xbf, 0, struct pv_iommu_node_call)

#endif /* PV_IOMMU_NODE_H */
