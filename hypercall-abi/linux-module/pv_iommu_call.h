/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0 */
/* For other kernel modules: how they make the calls of xen/pv_iommu.h. */

#ifndef PV_IOMMU_CALL_H
#define PV_IOMMU_CALL_H

/*
 * Makes a call; see xen/pv_iommu.h for cmd, the array, count and the value
 * that is returned.
 *
 * arg: in memory of the kernel's linear mapping (kmalloc, alloc_pages; not
 * vmalloc, not a stack), in one piece; NULL with count 0. Otherwise
 * IOMMU_STATUS_EFAULT, and nothing was called.
 *
 * Any context. It does not sleep: the processor waits, with interrupts off,
 * as long as the service takes. Keep arrays short where that matters.
 * IOMMU_STATUS_ENOSYS without a device, IOMMU_STATUS_EIO when the device fails.
 */
long HYPERVISOR_iommu_op(unsigned int cmd, void *arg, unsigned int count);

#endif /* PV_IOMMU_CALL_H */
