/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libpviommu: make the hypercalls of xen/pv_iommu.h from a Linux process that
 * acts as a guest kernel, over the ring transport of pvi_ring.h.
 *
 *     struct pviommu *guest;
 *     pviommu_connect("/run/pvi/ring.sock", 0, 1, &guest);
 *     pviommu_register_memory(guest, memfd, 0, memory, first_mfn, nr_pages);
 *     pviommu_set_default(guest);
 *     struct iommu_map_op *op = (struct iommu_map_op *)memory;
 *     ...
 *     long result = HYPERVISOR_iommu_op(IOMMUOP_map_page, op, 1);
 *
 * Results are 0 or negative numbers, errno style. The calls return what the
 * service answered (IOMMU_STATUS_*), or one of the local errors below;
 * pviommu_last_error() has a sentence about the latter.
 *
 * Every function may be called from any thread, with one exception:
 * pviommu_close() must be the last call on a handle.
 */

#ifndef PVIOMMU_H
#define PVIOMMU_H

#include <stdint.h>

#include "xen/pv_iommu.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Local errors of calls; the ABI has no status with these numbers, so that
 * they cannot be mistaken for an answer of the service.
 *
 * PVIOMMU_GONE: the service closed the connection or died, or broke the
 * protocol. Whether the call was executed is not known: after a reconnect,
 * IOMMUOP_lookup_page tells, element by element; each has happened as a whole
 * or not at all. Every later call on the handle returns the same, until
 * pviommu_reconnect() succeeds.
 */
#define PVIOMMU_GONE (-108) /* ESHUTDOWN of Linux */

/* Instead of a slot number: the slot that the calling thread has claimed by its first call. */
#define PVIOMMU_MY_SLOT (-1)

/* Regions of memory that one handle can have at a time. */
#define PVIOMMU_MAX_REGIONS 64

struct pviommu;

/*
 * Connects to the service's socket as guest `guest_id` and asks for `nr_slots`
 * slots (1 to 64; one for each thread that is to make calls at the same time;
 * the service may grant fewer, see pviommu_nr_slots()).
 * 0 and *handle; or -ENOENT, -ECONNREFUSED and the like when nobody serves the
 * socket, what the service answered (-EBUSY: that guest is connected already),
 * -EPROTO for an answer that breaks the protocol, -ETIMEDOUT, -ENOMEM.
 */
int pviommu_connect(const char *path, uint32_t guest_id, uint32_t nr_slots, struct pviommu **handle);

/*
 * Goes on after PVIOMMU_GONE: waits until the service answers on the same
 * path, shows it the same memory, and asks for what the guest had mapped;
 * calls then work again, from all threads, on the same slots. What it had is
 * what the journal of the service has, which is at least everything that was
 * answered. Grants and address spaces are part of it.
 *
 * timeout_ms 0 is one attempt, negative waits for ever. Other threads' calls
 * wait meanwhile. 0; -ETIMEDOUT when the service is not back in time, -EBUSY
 * when another guest, whose frames this one maps, is not; -EISCONN when
 * nothing is wrong with the connection; or final: -ENOENT when the service
 * waits for no such guest (it keeps no journal, or has torn the guest down:
 * close, and connect as a new one), -EINVAL for other memory, -EPERM, -EIO,
 * -ENOSPC as the service answers. A register or unregister whose answer was
 * lost has happened or not, as for calls; pviommu_guest_address() tells.
 */
int pviommu_reconnect(struct pviommu *handle, int timeout_ms);

/* Ends the guest: the service removes everything that it mapped. No other call may be under way. NULL is allowed. */
void pviommu_close(struct pviommu *handle);

/* Slots that the service granted. */
uint32_t pviommu_nr_slots(const struct pviommu *handle);

/*
 * How many times a call looks for its result before its thread sleeps; 0: it
 * sleeps at once. The service's suggestion until this is called.
 */
void pviommu_set_spin_iterations(struct pviommu *handle, uint32_t iterations);

/*
 * Gives the guest memory: mfns [first_mfn, first_mfn + nr_pages - 1] are the
 * bytes of `memfd` from fd_offset on. The memfd is sealed F_SEAL_SHRINK and
 * open for reading and writing; it can be closed afterwards (one descriptor is
 * kept for pviommu_reconnect()). `mapping` is
 * where the caller has mapped the same bytes, by which pointers are turned
 * into guest addresses; NULL if only guest addresses will be used.
 * 0; what the service answered; -ENOSPC beyond PVIOMMU_MAX_REGIONS; -EINVAL
 * for a mapping that overlaps another one; PVIOMMU_GONE.
 */
int pviommu_register_memory(struct pviommu *handle, int memfd, uint64_t fd_offset, void *mapping, uint64_t first_mfn,
                            uint64_t nr_pages);

/* Takes a whole region back; -EBUSY while any of it is mapped. */
int pviommu_unregister_memory(struct pviommu *handle, uint64_t first_mfn, uint64_t nr_pages);

/* Frames that another guest may map; ranges are first and length. */
struct pviommu_grant {
    uint64_t first_mfn; /* the caller's own frames, in one registered region */
    uint64_t nr_pages;
    uint32_t grantee_id;
    int writeable;              /* 0: the grantee may map them readable only */
    uint64_t grantee_first_mfn; /* what they are called there */
};

/*
 * Lets the grantee map frames of this guest. What the service answered: -EPERM
 * if the grantee does not accept grants of this guest, -ENOENT if it is not
 * connected, -EEXIST if it has memory there; pvi_ring.h has the others.
 */
int pviommu_grant(struct pviommu *handle, const struct pviommu_grant *grant);

/*
 * Takes a whole grant of this guest back. The grantee maps nothing new; what it
 * has mapped stays until it unmaps it, unless `force` is not 0: then it is
 * unmapped and flushed when this returns 0. -ENOENT: this guest has not granted
 * it; -EIO: not all could be flushed, call again.
 */
int pviommu_revoke(struct pviommu *handle, uint32_t grantee_id, uint64_t grantee_first_mfn, int force);

/*
 * The guest address of an array of `bytes` bytes at `pointer`: 0 and *address,
 * or -EFAULT if it does not start in registered memory, or if it runs over the
 * end of a mapping into a frame that is registered elsewhere in the process.
 * An array that runs into nothing is left for the service to refuse, because
 * the elements before that point are to be processed.
 */
int pviommu_guest_address(struct pviommu *handle, const void *pointer, uint64_t bytes, uint64_t *address);

/*
 * The hypercall, on one slot. `arg` points into registered memory; -EFAULT, as
 * said above, if it does not. With count 0 a pointer that cannot be translated
 * (NULL) is passed as guest address 0. A slot makes one call at a time:
 * threads that use the same one wait for each other.
 */
long pviommu_op(struct pviommu *handle, int slot, unsigned int cmd, void *arg, unsigned int count);

/* The same with the guest address as the service will see it, unchecked: (mfn << 12) + offset. */
long pviommu_op_guest_address(struct pviommu *handle, int slot, unsigned int cmd, uint64_t arg, unsigned int count);

/* The handle that HYPERVISOR_iommu_op() uses, for the whole process; NULL for none (it then returns -ENOSYS). */
void pviommu_set_default(struct pviommu *handle);

/* The hypercall as a guest kernel declares it, on the default handle and the thread's own slot. */
long HYPERVISOR_iommu_op(unsigned int cmd, void *arg, unsigned int count);

/* One sentence about the last local error or refused request of this thread; never NULL. */
const char *pviommu_last_error(void);

#ifdef __cplusplus
}
#endif

#endif /* PVIOMMU_H */
