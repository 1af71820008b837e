/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtio transport, version 1: how a guest kernel in a virtual machine makes
 * the hypercalls of xen/pv_iommu.h.
 *
 * A virtio device (modern only) with two queues. Queue 0 takes calls; one
 * buffer is one call: a readable part, struct pv_iommu_virtio_call, and a
 * writable part, struct pv_iommu_virtio_return. Queue 1 takes empty buffers
 * for events; version 1 has none, so whoever drives the device may leave it
 * empty.
 *
 * The array of a call stays where it is in the guest's memory and is named by
 * its guest-physical address; the mfn of a frame is its guest-physical address
 * >> 12. The array may be in any of the guest's memory, but in one piece.
 *
 * A call is complete when its buffer is used, with as many bytes as the
 * writable part has. A buffer without room for a call or its return comes back
 * with length 0 and no effect.
 *
 * Everything is little-endian and naturally aligned.
 */

#ifndef PV_IOMMU_VIRTIO_H
#define PV_IOMMU_VIRTIO_H

#ifdef __KERNEL__
#include <linux/types.h>
#else
#include <stdint.h>
#endif

/*
 * Virtio device id. The number belongs to no driver of Linux; it is one that
 * QEMU has a name for, without which its generic vhost-user device ends.
 */
#define PV_IOMMU_VIRTIO_ID 38

#define PV_IOMMU_VIRTIO_QUEUE_CALLS 0
#define PV_IOMMU_VIRTIO_QUEUE_EVENTS 1
#define PV_IOMMU_VIRTIO_QUEUES 2

/* Readable part of a call. 16 bytes. */
struct pv_iommu_virtio_call {
    uint32_t cmd;   /* le: see xen/pv_iommu.h */
    uint32_t count; /* le: elements */
    uint64_t arg;   /* le: guest-physical address of the array */
};

/* Writable part of a call. 8 bytes. */
struct pv_iommu_virtio_return {
    uint64_t result; /* le, two's complement: what HYPERVISOR_iommu_op returns */
};

#if defined(__cplusplus) && __cplusplus >= 201103L
#define PV_IOMMU_VIRTIO_SIZE_IS(type, bytes) static_assert(sizeof(struct type) == (bytes), "size of struct " #type)
#elif defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L
#define PV_IOMMU_VIRTIO_SIZE_IS(type, bytes) _Static_assert(sizeof(struct type) == (bytes), "size of struct " #type)
#else
/* Before C11: an array type of negative length is an error as well. */
#define PV_IOMMU_VIRTIO_SIZE_IS(type, bytes) typedef char type##_size_is_fixed[sizeof(struct type) == (bytes) ? 1 : -1]
#endif
PV_IOMMU_VIRTIO_SIZE_IS(pv_iommu_virtio_call, 16);
PV_IOMMU_VIRTIO_SIZE_IS(pv_iommu_virtio_return, 8);
#undef PV_IOMMU_VIRTIO_SIZE_IS

#endif /* PV_IOMMU_VIRTIO_H */
