/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ring transport, version 1: how a process that acts as a guest kernel makes
 * the hypercalls of xen/pv_iommu.h.
 *
 * Two channels. A Unix socket (AF_UNIX, SOCK_SEQPACKET: one message is one
 * packet) carries set-up, memory and grants; its life is the guest's life, unless
 * it ends because the service does: then the guest may come back. Calls go through slots in shared memory, with an eventfd per slot and direction for
 * whoever sleeps.
 *
 * Everything is little-endian, naturally aligned, without implicit padding.
 * Fields named reserved are sent as 0 and checked to be 0.
 *
 * docs/ring-transport.md has the life of a slot and the argument that no
 * wake-up is lost.
 */

#ifndef PVI_RING_H
#define PVI_RING_H

#include <stdint.h>

#define PVI_RING_MAGIC 0x52495650U /* "PVIR" */
#define PVI_RING_VERSION 1

/* Largest message in bytes; a longer packet is refused. */
#define PVI_MSG_MAX 512

/*
 * Slots of one connection, and the file descriptors that WELCOME brings: the
 * ring, then for each slot its kick eventfd (guest to service) and its done
 * eventfd (service to guest).
 */
#define PVI_RING_MAX_SLOTS 64
#define PVI_WELCOME_FDS(nr_slots) (1U + 2U * (nr_slots))

/*
 * Message types. The answer to HELLO is WELCOME, or REPLY with an error and
 * the end of the connection. The answer to the memory and grant messages is
 * REPLY. An error of a well-formed one keeps the connection; a malformed
 * packet is answered by REPLY with -EINVAL (22), then the connection ends.
 */
#define PVI_MSG_HELLO 1             /* guest to service, no fd */
#define PVI_MSG_WELCOME 2           /* service to guest, PVI_WELCOME_FDS(nr_slots) fds */
#define PVI_MSG_REGISTER_MEMORY 3   /* guest to service, one fd: memfd, sealed F_SEAL_SHRINK, open for read and write */
#define PVI_MSG_UNREGISTER_MEMORY 4 /* guest to service, no fd */
#define PVI_MSG_REPLY 5             /* service to guest, no fd */
#define PVI_MSG_GRANT 6             /* guest to service, no fd */
#define PVI_MSG_REVOKE 7            /* guest to service, no fd */
#define PVI_MSG_RESUME 8            /* guest to service, no fd */

/* What every message begins with. 8 bytes. */
struct pvi_msg_header {
    uint32_t type; /* PVI_MSG_* */
    uint32_t size; /* whole message in bytes; equals the length of the packet */
};

/*
 * flags of HELLO: the guest was there before the service died or was stopped,
 * and wants to go on with what it had mapped. After WELCOME it registers the
 * memory that it had and sends RESUME; before that no call is served.
 * -ENOENT (2): nobody of that number is waited for; the guest starts anew,
 * without this flag. Without it, a guest that is waited for is forgotten.
 */
#define PVI_HELLO_RESUME 0x1

/* First message of a guest. 32 bytes. */
struct pvi_msg_hello {
    struct pvi_msg_header header;
    uint32_t magic;       /* PVI_RING_MAGIC */
    uint16_t version_min; /* versions the guest speaks, inclusive */
    uint16_t version_max;
    uint32_t guest_id; /* as which guest it wants to act; -EBUSY (16) if that guest is connected */
    uint32_t nr_slots; /* slots wanted, 1..PVI_RING_MAX_SLOTS; usually one per virtual CPU */
    uint32_t flags;    /* PVI_HELLO_RESUME or 0; other bits are 0 */
    uint32_t reserved;
};

/* The guest is accepted. 40 bytes. */
struct pvi_msg_welcome {
    struct pvi_msg_header header;
    uint32_t magic;     /* PVI_RING_MAGIC */
    uint16_t version;   /* the version that both will use */
    uint16_t slot_bytes; /* PVI_SLOT_BYTES */
    uint32_t guest_id;
    uint32_t nr_slots;        /* slots granted, 1 to the number wanted */
    uint64_t ring_bytes;      /* size of the ring memfd */
    uint32_t spin_iterations; /* suggestion: how long a caller may spin before it sleeps; 0: not at all */
    uint32_t reserved;
};

/* Memory of the guest: mfns [first_mfn, first_mfn + nr_pages - 1] are the memfd's bytes from fd_offset on. 40 bytes. */
struct pvi_msg_register_memory {
    struct pvi_msg_header header;
    uint64_t first_mfn;
    uint64_t nr_pages;
    uint64_t fd_offset; /* in bytes, a multiple of 4096 */
    uint32_t flags;     /* 0 */
    uint32_t reserved;
};

/* Takes a whole registered region back. -EBUSY (16) while any of it is mapped. 24 bytes. */
struct pvi_msg_unregister_memory {
    struct pvi_msg_header header;
    uint64_t first_mfn;
    uint64_t nr_pages;
};

/* access of GRANT: what the grantee may let its devices do. */
#define PVI_GRANT_READ 0x1
#define PVI_GRANT_READ_WRITE 0x3

/*
 * Lets another guest map frames of the sender: the sender's mfns [first_mfn,
 * first_mfn + nr_pages - 1], which lie in one registered region, appear as the
 * grantee's mfns from grantee_first_mfn on. 48 bytes.
 *
 * -EPERM (1):   the grantee does not accept grants of this guest
 * -ENOENT (2):  the grantee is not connected; the sender has no such frames
 * -EEXIST (17): the grantee has memory at these mfns already
 * -EINVAL (22): ranges, access; frames that are the hypervisor's or granted
 *               by another guest; a grant to oneself
 * -ENOSPC (28): the grantee's quota of memory, or its number of grants
 */
struct pvi_msg_grant {
    struct pvi_msg_header header;
    uint64_t first_mfn;
    uint64_t nr_pages;
    uint64_t grantee_first_mfn;
    uint32_t grantee_id;
    uint32_t access;   /* PVI_GRANT_* */
    uint32_t flags;    /* 0 */
    uint32_t reserved;
};

/* flags of REVOKE: the grantee's mappings of these frames are removed and flushed as well. */
#define PVI_REVOKE_FORCE 0x1

/*
 * Takes a whole grant of the sender back: the grantee maps nothing new through
 * it. 24 bytes. -ENOENT (2): the sender has not granted this; -EIO (5): the
 * flush of a forced one failed, what is left is still held: send it again.
 */
struct pvi_msg_revoke {
    struct pvi_msg_header header;
    uint64_t grantee_first_mfn; /* as in GRANT */
    uint32_t grantee_id;
    uint32_t flags; /* PVI_REVOKE_FORCE or 0; other bits are 0 */
};

/*
 * The memory is registered: give me back what I had, and serve my calls. After
 * a HELLO with PVI_HELLO_RESUME only, where REGISTER_MEMORY merely collects, and
 * the other memory and grant messages are refused with -EINVAL. 16 bytes.
 *
 * -EINVAL (22): other memory than before; the text names what differs. More
 *               memory can be registered, and RESUME sent again
 * -EBUSY (16):  the guest whose frames this one maps is not back: send it again
 * -ENOENT (2):  the guest is not waited for any more. The connection ends
 * -ENOSPC (28), -EIO (5): the service or the host IOMMU cannot carry out again
 *               what was mapped. It is lost, and the connection ends
 */
struct pvi_msg_resume {
    struct pvi_msg_header header;
    uint64_t reserved;
};

#define PVI_REPLY_TEXT_BYTES 240

/* Answer. 256 bytes. */
struct pvi_msg_reply {
    struct pvi_msg_header header;
    uint32_t request;                   /* PVI_MSG_* that is answered */
    int32_t status;                     /* 0, or an errno value, negated */
    char message[PVI_REPLY_TEXT_BYTES]; /* for people; ends with a NUL */
};

/*
 * Ring memory: a header, then nr_slots slots, each a cache line, so that
 * callers on different processors do not disturb one another.
 */
#define PVI_RING_HEADER_BYTES 64
#define PVI_SLOT_BYTES 64

/* Written by the service only. 64 bytes. */
struct pvi_ring_header {
    uint32_t magic;      /* PVI_RING_MAGIC */
    uint16_t version;    /* the version that both use */
    uint16_t slot_bytes; /* PVI_SLOT_BYTES */
    uint32_t nr_slots;
    uint32_t service_waiting; /* 1: the service sleeps or is about to; kick after a submit */
    uint32_t service_gone;    /* 1: the service has ended; no call will be answered */
    uint32_t reserved[11];
};

/*
 * State of a slot: word = generation << PVI_SLOT_GENERATION_SHIFT | state.
 * The generation has 30 bits and wraps. FREE -> READY is the caller's (with
 * generation + 1), READY -> DONE the service's, DONE -> FREE the caller's. The
 * owner of a step writes its fields first and publishes with a store-release
 * of word; the other side pairs it with a load-acquire.
 */
#define PVI_SLOT_FREE 0
#define PVI_SLOT_READY 1
#define PVI_SLOT_DONE 2
#define PVI_SLOT_STATE_MASK 0x3U
#define PVI_SLOT_GENERATION_SHIFT 2
#define PVI_SLOT_GENERATION_MASK 0x3fffffffU /* after the shift */

#define PVI_SLOT_WORD(generation, state) \
    ((((uint32_t)(generation) & PVI_SLOT_GENERATION_MASK) << PVI_SLOT_GENERATION_SHIFT) | (uint32_t)(state))

/* One call at a time. 64 bytes. */
struct pvi_slot {
    uint32_t word;           /* state, see above; both sides */
    uint32_t cmd;            /* caller: see xen/pv_iommu.h */
    uint64_t arg;            /* caller: guest address of the array, (mfn << 12) + offset */
    uint32_t count;          /* caller: elements */
    uint32_t caller_waiting; /* caller: 1 while it sleeps or is about to; ring done after a completion */
    int64_t result;          /* service: return value of the call */
    uint64_t reserved[4];
};

#if defined(__cplusplus) && __cplusplus >= 201103L
#define PVI_RING_SIZE_IS(type, bytes) static_assert(sizeof(struct type) == (bytes), "size of struct " #type)
#elif defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L
#define PVI_RING_SIZE_IS(type, bytes) _Static_assert(sizeof(struct type) == (bytes), "size of struct " #type)
#else
/* Before C11: an array type of negative length is an error as well. */
#define PVI_RING_SIZE_IS(type, bytes) typedef char type##_size_is_fixed[sizeof(struct type) == (bytes) ? 1 : -1]
#endif
PVI_RING_SIZE_IS(pvi_msg_header, 8);
PVI_RING_SIZE_IS(pvi_msg_hello, 32);
PVI_RING_SIZE_IS(pvi_msg_welcome, 40);
PVI_RING_SIZE_IS(pvi_msg_register_memory, 40);
PVI_RING_SIZE_IS(pvi_msg_unregister_memory, 24);
PVI_RING_SIZE_IS(pvi_msg_grant, 48);
PVI_RING_SIZE_IS(pvi_msg_revoke, 24);
PVI_RING_SIZE_IS(pvi_msg_resume, 16);
PVI_RING_SIZE_IS(pvi_msg_reply, 256);
PVI_RING_SIZE_IS(pvi_ring_header, PVI_RING_HEADER_BYTES);
PVI_RING_SIZE_IS(pvi_slot, PVI_SLOT_BYTES);
#undef PVI_RING_SIZE_IS

#endif /* PVI_RING_H */
