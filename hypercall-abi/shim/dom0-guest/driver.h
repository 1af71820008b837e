/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a Dom0-style kernel does with the interface, one function per pattern.
 * docs/guest-side.md quotes the parts between "doc:begin" and "doc:end".
 *
 * None of this prints, exits or allocates. The functions of one driver use its
 * array, so that one thread calls them at a time.
 */

#ifndef DOM0_DRIVER_H
#define DOM0_DRIVER_H

#include "guest.h"

/* Elements of the largest array: 128 of the 24-byte structures fit into one page. */
#define DRIVER_BATCH 128
/* Pages of one exchange: each takes an unmap and a map, and a bit of the answer. */
#define DRIVER_EXCHANGE (DRIVER_BATCH / 2)
#define DRIVER_RW (IOMMU_MAP_OP_readable | IOMMU_MAP_OP_writeable)

enum work { WORK_MAP, WORK_UNMAP, WORK_SPACE };

/* What to do about a status. */
enum action {
    GO_ON,
    OTHER_BFN,   /* this bfn cannot be had: leave it out of the 1:1 map, take another one for a buffer */
    LEAVE_OUT,   /* devices may not reach this frame: bounce its contents */
    BOUNCE,      /* no mapping at present: bounce this buffer, the next one may be lucky */
    FLUSH_FIRST, /* the bfn is owed: flush, then once more */
    HOLD,        /* removed, but a device may still reach the frame: do not reuse it before a flush has succeeded */
    KEEP,        /* still mapped: the memory stays what it is */
    REPORT,      /* a defect of this driver: report it once, and treat the buffer as with BOUNCE or KEEP */
};

/* handle_status.c. Takes any value, also those that no service of today yields. */
enum action handle_status(enum work work, long status);

typedef long (*hypercall)(unsigned int cmd, void *arg, unsigned int count);

/* One address space, as its driver sees it. */
struct driver {
    hypercall call;
    void *array; /* DRIVER_BATCH elements in the guest's memory */
    uint32_t ctx_no;
    struct iommu_caps caps;
    uint32_t nr_reserved;
    struct iommu_reserved_range reserved[DRIVER_BATCH]; /* ascending */
    uint64_t reports;                                   /* statuses that speak of a defect of the driver */
};

/* False: no PV-IOMMU for this guest, bounce everything. */
bool driver_discover(struct driver *driver);
/* Reads the reserved ranges again; they change when an endpoint is attached. */
void driver_learn_reserved(struct driver *driver);
/* The first stretch in [from, last] that is neither reserved nor above the aperture; false if there is none. */
bool driver_next_free(const struct driver *driver, uint64_t from, uint64_t last, struct range *stretch);

/* Maps [first, last] 1:1; what cannot be mapped is left out. Returns the pages mapped. */
uint64_t driver_premap(struct driver *driver, uint64_t first, uint64_t last);

/* All n pages (at most DRIVER_BATCH) from first_bfn on, or none. GO_ON, or what to do instead. */
enum action driver_dma_map(struct driver *driver, const uint64_t *mfns, uint32_t n, uint64_t first_bfn);
/* True: the memory can be reused. False: it is still within a device's reach. */
bool driver_dma_unmap(struct driver *driver, uint64_t first_bfn, uint32_t n);

/* bfns[i] gets mfns[i]; at most DRIVER_EXCHANGE. Bit i of the answer: done, and the old frame is free. */
uint64_t driver_exchange(struct driver *driver, const uint64_t *bfns, const uint64_t *mfns, uint32_t n);

/* True: unmapped, but memory and bfns wait for driver_flush(). Without IOMMU_CAP_defer it flushes at once. */
bool driver_lazy_unmap(struct driver *driver, uint64_t first_bfn, uint32_t n);
/* True: what was unmapped can be reused. */
bool driver_flush(struct driver *driver);
/* Like driver_dma_map, for bfns that may still be owed. */
enum action driver_dma_map_again(struct driver *driver, const uint64_t *mfns, uint32_t n, uint64_t first_bfn);

/* A second address space, empty; `space` is its driver if the answer is GO_ON. */
enum action driver_new_space(const struct driver *driver, struct driver *space);
/* Lets the endpoint use this address space. */
enum action driver_attach(struct driver *space, uint32_t endpoint);
enum action driver_free_space(struct driver *space);

/* Removes all that is mapped in [first, last]. True: the memory can be reused. */
bool driver_teardown(struct driver *driver, uint64_t first, uint64_t last);

#endif /* DOM0_DRIVER_H */
