/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PV-IOMMU: the hypercall by which a guest controls what its devices reach.
 *
 * A guest maps bus frame numbers (bfn, the device's address >> 12) to machine
 * frame numbers (mfn, a frame of the memory that the guest has registered).
 * The interface continues "Dom0 PV IOMMU control", Draft A, xen-devel, April
 * 2014, as reviewed there; a caller written for that draft needs no change.
 *
 * This file is self-contained: it needs the fixed-width types and nothing
 * else, and it compiles as C89 with <stdint.h>, C99, C11 and C++. All
 * structures are little-endian and naturally aligned; they contain no implicit
 * padding, so that their layout is the same for 32-bit and 64-bit callers.
 *
 * Frame ranges are inclusive, [first, last], wherever a last frame is named.
 *
 *
 * The call
 * ========
 *
 *     long HYPERVISOR_iommu_op(unsigned int cmd, void *arg, unsigned int count);
 *
 * cmd:   what to do, where; see "cmd" below.
 * arg:   an array of `count` elements, aligned to 8 bytes. Which structure an
 *        element is, is fixed by the sub-operation.
 * count: number of elements, 0 to IOMMUOP_MAX_COUNT. There is no other limit
 *        on it: a long array is processed in slices that the caller cannot
 *        see. With 0 the call returns 0 and has no effect, except where a
 *        sub-operation says otherwise.
 *
 * Elements are processed in array order, and the effect of each is visible to
 * those after it: unmap(bfn) followed by map(bfn, other mfn) is the way to
 * replace a mapping. A bad element gets its status; the batch goes on.
 *
 * All removals of one call are made effective by ONE flush, after the last
 * element and before the call returns (unless IOMMUOP_F_defer is given). A
 * removed frame stays held until that flush is complete: nobody else can get
 * it while a device may still reach it. The number of held frames is bounded
 * (iommu_caps.max_held_frames); at the bound there is an additional flush.
 *
 * IN fields are read once and never written. OUT fields are assigned, never
 * added to; the caller need not clear them.
 *
 *
 * The return value of the call
 * ============================
 *
 * It says whether the array was processed, never how one element fared.
 *
 *     0                         every element was processed and has its status
 *     > 0                       only where a sub-operation returns a number
 *     IOMMU_STATUS_ENOSYS       the PV-IOMMU is not enabled
 *     IOMMU_STATUS_EPERM        it is enabled, but not for this caller
 *     IOMMU_STATUS_EOPNOTSUPP   the sub-operation is unknown or not offered;
 *                               iommu_caps.caps tells which ones are
 *     IOMMU_STATUS_EINVAL       unknown modifier; arg misaligned; arg + count
 *                               * size wraps; count above IOMMUOP_MAX_COUNT
 *     IOMMU_STATUS_ENOENT       the address space named in cmd does not exist
 *     IOMMU_STATUS_EFAULT       the array is not wholly in the guest's memory.
 *                               The elements before the fault are complete,
 *                               flushed, and carry their status. The others
 *                               were not touched
 *     IOMMU_STATUS_EIO          the flush failed after retries: each element
 *                               was processed and has its status, the removed
 *                               frames stay held; or the call could not be
 *                               recorded: maps were refused with EIO before
 *                               anything changed, removals went through as
 *                               long as the reserve kept for them lasts
 *
 * Where several apply the first of this order is returned: permission,
 * sub-operation, modifiers, address space, arguments. EFAULT wins over EIO.
 *
 * An element that the call did not reach keeps the status that the caller had
 * put there. To tell them apart after EFAULT, prefill status with a value that
 * no operation yields, for example 1.
 */

#ifndef XEN_PUBLIC_PV_IOMMU_H
#define XEN_PUBLIC_PV_IOMMU_H

#ifdef __KERNEL__
#include <linux/types.h>
#else
#include <stdint.h>
#endif

/* Hypercall number. 43 is the one that the 2024-2025 proposals for upstream Xen used. */
#define __HYPERVISOR_iommu_op 43

/* Value of iommu_caps.abi_version for the interface in this file. */
#define IOMMU_ABI_VERSION 1

/* A bfn and an mfn count frames of 1 << IOMMU_PAGE_SHIFT bytes, on every architecture. */
#define IOMMU_PAGE_SHIFT 12

/* Highest element count of one call (2^31 - 1); above it: IOMMU_STATUS_EINVAL. */
#define IOMMUOP_MAX_COUNT 0x7fffffff

/* Alignment in bytes that arg must have; otherwise: IOMMU_STATUS_EINVAL. */
#define IOMMUOP_ARG_ALIGN 8

/*
 * cmd
 * ===
 *
 *      31              16 15            8 7             0
 *     +------------------+---------------+---------------+
 *     | address space    | modifiers     | sub-operation |
 *     +------------------+---------------+---------------+
 *
 * Address space ("context") 0 always exists: it is the one that the guest's
 * own devices start in. A plain sub-operation number is therefore a valid cmd.
 */
#define IOMMUOP_SUBOP_MASK 0x000000ffU
#define IOMMUOP_MODIFIER_MASK 0x0000ff00U
#define IOMMUOP_CONTEXT_SHIFT 16
#define IOMMUOP_CONTEXT_MASK 0xffffU /* after the shift */

/* Compose a cmd: sub-operation, modifiers (IOMMUOP_F_*, or 0), address space. */
#define IOMMUOP_CMD(subop, modifiers, ctx_no) \
    (((uint32_t)(subop) & IOMMUOP_SUBOP_MASK) | ((uint32_t)(modifiers) & IOMMUOP_MODIFIER_MASK) | \
     (((uint32_t)(ctx_no) & IOMMUOP_CONTEXT_MASK) << IOMMUOP_CONTEXT_SHIFT))

/* Take a cmd apart. */
#define IOMMUOP_CMD_SUBOP(cmd) ((uint32_t)(cmd) & IOMMUOP_SUBOP_MASK)
#define IOMMUOP_CMD_MODIFIERS(cmd) ((uint32_t)(cmd) & IOMMUOP_MODIFIER_MASK)
#define IOMMUOP_CMD_CONTEXT(cmd) (((uint32_t)(cmd) >> IOMMUOP_CONTEXT_SHIFT) & IOMMUOP_CONTEXT_MASK)

/*
 * Modifiers
 * =========
 *
 * IOMMUOP_F_defer: return without the flush. Allowed with unmap_page,
 * unmap_range and mixed; needs IOMMU_CAP_defer.
 *
 * The removed frames stay held and their bfns are owed: such a bfn cannot be
 * mapped again (IOMMU_STATUS_EADDRINUSE), and a device may still reach the
 * held frame through it. The debt ends with IOMMUOP_flush, or at the bound of
 * held frames, when the service flushes by itself all address spaces of the
 * guest that owe. free_context and attach_device flush first.
 *
 * Every other bit of the modifiers is reserved: IOMMU_STATUS_EINVAL.
 */
#define IOMMUOP_F_defer 0x00000100U

/*
 * Sub-operations
 * ==============
 */

/*
 * IOMMUOP_query_caps: what this service offers the calling guest.
 * arg: one struct iommu_caps, count 1. Returns 0; IOMMU_STATUS_EINVAL for more.
 * Always offered where the PV-IOMMU is enabled for the caller.
 */
#define IOMMUOP_query_caps 1

/*
 * IOMMUOP_map_page: create mappings of one page each.
 * arg: array of struct iommu_map_op. Returns 0.
 * A mapped bfn is never replaced: unmap it first (the same array will do).
 */
#define IOMMUOP_map_page 2

/*
 * IOMMUOP_unmap_page: remove mappings of one page each.
 * arg: array of struct iommu_map_op; mfn and flags are neither read nor
 * written, so the array that mapped can be used to unmap. Returns 0.
 * Removing needs no memory and cannot fail for lack of any.
 */
#define IOMMUOP_unmap_page 3

/*
 * IOMMUOP_lookup_page: what is mapped at a bfn. Needs IOMMU_CAP_lookup.
 * arg: array of struct iommu_map_op; bfn is IN; mfn and flags are OUT where
 * the status is 0 and are left alone otherwise. Returns 0.
 */
#define IOMMUOP_lookup_page 4

/*
 * IOMMUOP_query_reserved: the ranges of bfns that cannot be mapped in the
 * address space named in cmd, because an endpoint attached to it reserves them.
 * arg: array of struct iommu_reserved_range, filled in ascending order up to
 * count elements. Returns how many ranges exist, which may be more; count 0
 * therefore asks for the number only.
 */
#define IOMMUOP_query_reserved 5

/*
 * IOMMUOP_map_range, IOMMUOP_unmap_range: contiguous bfns, contiguous mfns.
 * Need IOMMU_CAP_ranges. arg: array of struct iommu_range_op. Returns 0.
 * map_range stops at the first frame that cannot be mapped and keeps what it
 * mapped. unmap_range passes over holes; IOMMU_STATUS_ENOENT only if nothing
 * at all was mapped in the range.
 */
#define IOMMUOP_map_range 6
#define IOMMUOP_unmap_range 7

/*
 * IOMMUOP_alloc_context: create an empty address space; the number is chosen
 * by the service and stored in ctx_no. IOMMUOP_free_context: remove one;
 * IOMMU_STATUS_EBUSY while endpoints are attached, IOMMU_STATUS_EINVAL for 0.
 * Need IOMMU_CAP_contexts. arg: array of struct iommu_context_op. Returns 0.
 */
#define IOMMUOP_alloc_context 8
#define IOMMUOP_free_context 9

/*
 * IOMMUOP_attach_device: let an endpoint of the guest use an address space.
 * Needs IOMMU_CAP_contexts. arg: array of struct iommu_attach_op. Returns 0.
 * An endpoint starts attached to 0, where nothing is mapped: it is blocked.
 * IOMMU_STATUS_EBUSY if the address space maps a bfn that the endpoint
 * reserves, or if the device or its group is in use elsewhere.
 */
#define IOMMUOP_attach_device 10

/*
 * IOMMUOP_flush: end the debt of the address space named in cmd: make all its
 * deferred removals effective and release the frames.
 * Needs IOMMU_CAP_defer. No argument; count 0. Returns 0, or
 * IOMMU_STATUS_EIO with everything still owed (call again).
 */
#define IOMMUOP_flush 11

/*
 * IOMMUOP_mixed: maps and unmaps in one array, in order, with one flush.
 * Needs IOMMU_CAP_mixed. arg: array of struct iommu_mixed_op. Returns 0.
 * A frame replaced by unmap + map of one bfn is held until that flush. If the
 * flush fails the new mapping of such a bfn is undone, both frames stay held
 * and the bfn is owed.
 */
#define IOMMUOP_mixed 12

/*
 * Status of one operation
 * =======================
 *
 * Written for every element that the call reached, whatever was there before.
 * The values are Xen's errno numbers, negated, and are part of this interface:
 * they do not change with the errno.h of whoever includes this file. Each has
 * one meaning. Readers shall treat an unknown negative value as a failure.
 *
 * Of several errors of one element the first in this order is reported: flags,
 * wrap, aperture, reserved range (maps only), frame, occupancy, quota.
 */
#define IOMMU_STATUS_OK 0             /* done */
#define IOMMU_STATUS_EPERM (-1)       /* the caller may not map this mfn: reserved for the hypervisor, a revoked */
                                      /* grant, or writing through a read-only grant; call: not for this guest */
#define IOMMU_STATUS_ENOENT (-2)      /* unmap or lookup of a bfn that is not mapped; unknown address space, endpoint */
#define IOMMU_STATUS_EIO (-5)         /* the host IOMMU refused, a flush failed, or there was no room to record */
#define IOMMU_STATUS_ENXIO (-6)       /* the guest has no memory behind this mfn */
#define IOMMU_STATUS_ENOMEM (-12)     /* no memory for tables; never for an unmap */
#define IOMMU_STATUS_EFAULT (-14)     /* call only: the array is not wholly in the guest's memory */
#define IOMMU_STATUS_EBUSY (-16)      /* address space has endpoints; device or group in use elsewhere; the backend */
                                      /* cannot cut the larger mapping that this page belongs to */
#define IOMMU_STATUS_EINVAL (-22)     /* reserved flag bit, write without read, no access at all; nr_pages 0 or */
                                      /* wrapping; call: malformed arguments */
#define IOMMU_STATUS_ENOSPC (-28)     /* the guest's quota or a limit of the host IOMMU is reached */
#define IOMMU_STATUS_ERANGE (-34)     /* bfn above iommu_caps.max_bfn */
#define IOMMU_STATUS_ENOSYS (-38)     /* call only: the PV-IOMMU is not enabled */
#define IOMMU_STATUS_EOPNOTSUPP (-95) /* call only: unknown sub-operation, or one that is not offered */
#define IOMMU_STATUS_EADDRINUSE (-98) /* bfn already mapped, or removed by a deferred unmap that is still owed */
#define IOMMU_STATUS_EADDRNOTAVAIL (-99) /* map of a bfn that an attached endpoint reserves */

/*
 * Flags of a map. There are no write-only mappings, because not all hardware
 * has them: writeable without readable is IOMMU_STATUS_EINVAL, and so is
 * neither. The remaining bits are reserved and must be 0.
 */
#define IOMMU_MAP_OP_readable 0x1U  /* the device may read */
#define IOMMU_MAP_OP_writeable 0x2U /* the device may write */
#define IOMMU_MAP_OP_FLAGS_MASK 0x3U

/* One page: element of map_page, unmap_page and lookup_page. 24 bytes. */
struct iommu_map_op {
    uint64_t bfn;   /* IN: bus frame */
    uint64_t mfn;   /* IN for map: machine frame it shall reach. OUT for lookup. Unused by unmap */
    uint32_t flags; /* IN for map: IOMMU_MAP_OP_*. OUT for lookup. Unused by unmap */
    int32_t status; /* OUT: IOMMU_STATUS_* */
};
typedef struct iommu_map_op iommu_map_op_t;

/* One page, map or unmap: element of mixed. 24 bytes. */
struct iommu_mixed_op {
    uint16_t subop; /* IN: IOMMUOP_map_page or IOMMUOP_unmap_page; others are IOMMU_STATUS_EINVAL */
    uint16_t flags; /* IN for map: IOMMU_MAP_OP_*. Unused by unmap */
    int32_t status; /* OUT: IOMMU_STATUS_* */
    uint64_t bfn;   /* IN: bus frame */
    uint64_t mfn;   /* IN for map: machine frame it shall reach. Unused by unmap */
};
typedef struct iommu_mixed_op iommu_mixed_op_t;

/* A run of pages: element of map_range and unmap_range. 40 bytes. */
struct iommu_range_op {
    uint64_t bfn;      /* IN: first bus frame */
    uint64_t mfn;      /* IN for map: first machine frame. Unused by unmap */
    uint64_t nr_pages; /* IN: length in pages; 0 or wrapping is IOMMU_STATUS_EINVAL */
    uint64_t nr_done;  /* OUT: leading pages that are finished, holes of an unmap included */
    uint32_t flags;    /* IN for map: IOMMU_MAP_OP_*. Unused by unmap */
    int32_t status;    /* OUT: IOMMU_STATUS_*; on failure it speaks of page bfn + nr_done */
};
typedef struct iommu_range_op iommu_range_op_t;

/* Element of alloc_context and free_context. 8 bytes. */
struct iommu_context_op {
    uint32_t ctx_no; /* OUT for alloc, IN for free: number of the address space */
    int32_t status;  /* OUT: IOMMU_STATUS_* */
};
typedef struct iommu_context_op iommu_context_op_t;

/* Element of attach_device. 16 bytes. */
struct iommu_attach_op {
    uint32_t endpoint; /* IN: endpoint id; for a PCI device segment << 16 | bus << 8 | devfn */
    uint32_t ctx_no;   /* IN: address space to attach it to */
    uint32_t flags;    /* IN: reserved, 0 */
    int32_t status;    /* OUT: IOMMU_STATUS_* */
};
typedef struct iommu_attach_op iommu_attach_op_t;

/* Element of query_reserved. 24 bytes. */
struct iommu_reserved_range {
    uint64_t first_bfn; /* OUT: first frame of the range */
    uint64_t last_bfn;  /* OUT: last frame of the range, inclusive */
    uint32_t kind;      /* OUT: IOMMU_RESERVED_* */
    uint32_t reserved;  /* OUT: 0 */
};
typedef struct iommu_reserved_range iommu_reserved_range_t;

/* Kinds of a reserved range; treat an unknown one like IOMMU_RESERVED_reserved. */
#define IOMMU_RESERVED_reserved 0 /* not usable for DMA */
#define IOMMU_RESERVED_msi 1      /* window of message-signalled interrupts */
#define IOMMU_RESERVED_identity 2 /* firmware demands that it stays mapped 1:1 */

/* Answer of query_caps. 40 bytes. */
struct iommu_caps {
    uint32_t abi_version;       /* OUT: IOMMU_ABI_VERSION */
    uint32_t caps;              /* OUT: IOMMU_CAP_*; unknown bits are to be ignored */
    uint64_t max_bfn;           /* OUT: highest bfn of the aperture, inclusive */
    uint64_t page_size_mask;    /* OUT: bit n: mappings of 2^n bytes; bit IOMMU_PAGE_SHIFT is always set */
    uint32_t max_contexts;      /* OUT: address spaces the guest may have, number 0 included */
    uint32_t max_held_frames;   /* OUT: bound on frames held for a flush; an early flush comes at this number */
    uint64_t max_mapped_frames; /* OUT: the guest's quota of mapped pages, all address spaces together */
};
typedef struct iommu_caps iommu_caps_t;

/* Capability bits: which sub-operations are offered beyond query_caps, map_page, unmap_page and query_reserved. */
#define IOMMU_CAP_contexts 0x01U /* alloc_context, free_context, attach_device */
#define IOMMU_CAP_ranges 0x02U   /* map_range, unmap_range */
#define IOMMU_CAP_mixed 0x04U    /* mixed */
#define IOMMU_CAP_lookup 0x08U   /* lookup_page */
#define IOMMU_CAP_defer 0x10U    /* the modifier IOMMUOP_F_defer, and flush */
#define IOMMU_CAP_cut 0x20U      /* a mapping that was coalesced can be cut page by page; where this is clear an */
                                 /* unmap of a part of one may be IOMMU_STATUS_EBUSY */

/* The layout is part of the interface; these hold on every architecture. */
#if defined(__cplusplus) && __cplusplus >= 201103L
#define IOMMU_ABI_SIZE_IS(type, bytes) static_assert(sizeof(struct type) == (bytes), "size of struct " #type)
#elif defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L
#define IOMMU_ABI_SIZE_IS(type, bytes) _Static_assert(sizeof(struct type) == (bytes), "size of struct " #type)
#else
/* Before C11: an array type of negative length is an error as well. */
#define IOMMU_ABI_SIZE_IS(type, bytes) typedef char type##_size_is_fixed[sizeof(struct type) == (bytes) ? 1 : -1]
#endif
IOMMU_ABI_SIZE_IS(iommu_map_op, 24);
IOMMU_ABI_SIZE_IS(iommu_mixed_op, 24);
IOMMU_ABI_SIZE_IS(iommu_range_op, 40);
IOMMU_ABI_SIZE_IS(iommu_context_op, 8);
IOMMU_ABI_SIZE_IS(iommu_attach_op, 16);
IOMMU_ABI_SIZE_IS(iommu_reserved_range, 24);
IOMMU_ABI_SIZE_IS(iommu_caps, 40);
#undef IOMMU_ABI_SIZE_IS

#endif /* XEN_PUBLIC_PV_IOMMU_H */
