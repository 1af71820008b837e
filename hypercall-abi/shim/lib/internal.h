/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of libpviommu know of each other. Nothing here is exported. */

#ifndef PVIOMMU_INTERNAL_H
#define PVIOMMU_INTERNAL_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pvi_ring.h"
#include "pviommu.h"

/* The wire is little-endian and the structures are used in place. */
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "libpviommu needs a little-endian machine"
#endif

#define PRIVATE __attribute__((visibility("hidden")))

#define FRAME_BYTES (1ULL << IOMMU_PAGE_SHIFT)
#define MAX_FDS PVI_WELCOME_FDS(PVI_RING_MAX_SLOTS)

/* error.c: keep a sentence for pviommu_last_error() and return `code`. */
PRIVATE int set_error(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* packet.c: one message is one packet. */
struct packet {
    union {
        unsigned char bytes[PVI_MSG_MAX];
        struct pvi_msg_header header;
    } u;
    size_t size;
    int fds[MAX_FDS];
    unsigned int nr_fds;
};

/* 0 or -errno; `fd` is -1 for none, and stays the caller's. */
PRIVATE int packet_send(int socket, const void *message, size_t size, int fd);
/* 0 with packet->size > 0; PVIOMMU_GONE at the end of the stream; or -errno. The caller owns the fds. */
PRIVATE int packet_receive(int socket, struct packet *packet);
PRIVATE void packet_close_fds(struct packet *packet);

/* message.c: encoding, and the checks of what the service sends. */
PRIVATE void message_hello(struct pvi_msg_hello *message, uint32_t guest_id, uint32_t nr_slots, uint32_t flags);
PRIVATE void message_register(struct pvi_msg_register_memory *message, uint64_t first_mfn, uint64_t nr_pages,
                              uint64_t fd_offset);
PRIVATE void message_unregister(struct pvi_msg_unregister_memory *message, uint64_t first_mfn, uint64_t nr_pages);
PRIVATE void message_grant(struct pvi_msg_grant *message, const struct pviommu_grant *grant);
PRIVATE void message_revoke(struct pvi_msg_revoke *message, uint32_t grantee_id, uint64_t grantee_first_mfn, int force);
PRIVATE void message_resume(struct pvi_msg_resume *message);
/* 0 and *welcome; the status of a REPLY that refuses; -EPROTO. */
PRIVATE int message_check_welcome(const struct packet *packet, const struct pvi_msg_hello *hello,
                                  struct pvi_msg_welcome *welcome);
/* The status of the REPLY to `request`; -EPROTO. */
PRIVATE int message_check_reply(const struct packet *packet, uint32_t request);

/* regions.c: where the guest's frames are in this process. Not locked. */
struct region {
    unsigned char *mapping; /* NULL: no pointers into this region */
    uint64_t first_mfn;
    uint64_t nr_pages;
    int memfd; /* ours, for the service's next start */
    uint64_t fd_offset;
    bool doubtful; /* the answer to its (un)registering was lost: the service has it, or not */
};

struct regions {
    unsigned int count;
    struct region entries[PVIOMMU_MAX_REGIONS];
};

/* 0, -ENOSPC or -EINVAL: whether regions_add() would accept it. */
PRIVATE int regions_check(const struct regions *regions, const struct region *region);
PRIVATE int regions_add(struct regions *regions, const struct region *region);
/* That very region, or NULL. */
PRIVATE struct region *regions_find(struct regions *regions, uint64_t first_mfn, uint64_t nr_pages);
/* One of `regions`; the order of the others is free. Its memfd is the caller's. */
PRIVATE void regions_remove(struct regions *regions, struct region *region);
PRIVATE int regions_translate(const struct regions *regions, const void *pointer, uint64_t bytes, uint64_t *address);

/* slot.c: the caller's side of one slot. One thread at a time. */
struct slot {
    struct pvi_ring_header *ring;
    struct pvi_slot *shared;
    uint32_t generation; /* of the last call; our own copy, never read back from shared memory */
    int kick_fd;         /* we write */
    int done_fd;         /* the service writes */
    int life_fd;         /* the socket: hangs up when the service is gone */
};

enum slot_progress { SLOT_PENDING, SLOT_COMPLETE, SLOT_BROKEN };

PRIVATE void slot_submit(struct slot *slot, uint32_t cmd, uint64_t arg, uint32_t count);
PRIVATE enum slot_progress slot_progress(const struct slot *slot);
/* 0 and *result; PVIOMMU_GONE. Spins at most `spin_iterations` times, then sleeps. */
PRIVATE int slot_wait(struct slot *slot, uint32_t spin_iterations, int64_t *result);

/* client.c */
struct vcpu {
    pthread_mutex_t lock; /* held for a whole call */
    struct slot slot;
};

/* Locks are taken in the order of the fields. Who has request_lock and all of the vcpus' may change the connection. */
struct pviommu {
    uint64_t serial; /* tells handles apart where a pointer might have been reused */
    char *path;
    uint32_t guest_id;
    uint32_t nr_slots;
    int socket;
    uint32_t spin_iterations; /* atomic */
    uint32_t spin_is_set;     /* atomic; by the caller, so that no later suggestion counts */
    uint32_t gone;            /* atomic; cleared by a reconnect */
    uint32_t next_slot;       /* atomic; the slot that the next new thread claims */
    struct pvi_ring_header *ring;
    size_t ring_bytes;
    pthread_mutex_t request_lock; /* one request and its answer at a time */
    struct vcpu vcpus[PVI_RING_MAX_SLOTS];
    pthread_rwlock_t regions_lock;
    struct regions regions;
};

/*
 * Socket, HELLO with these flags, WELCOME. Errors as pviommu_connect(), with
 * *handle NULL; *answered tells an answer of the service from an error before
 * there was one.
 */
PRIVATE int client_connect(const char *path, uint32_t guest_id, uint32_t nr_slots, uint32_t flags,
                           struct pviommu **handle, bool *answered);
PRIVATE bool client_is_gone(const struct pviommu *handle);
/*
 * Sends a request and waits for its answer; the request lock is held. Where the answer is lost or makes no sense the
 * next one could be taken for it: the connection is given up, and *doubtful set.
 */
PRIVATE int client_request(struct pviommu *handle, const struct pvi_msg_header *message, int fd, bool *doubtful);

#endif /* PVIOMMU_INTERNAL_H */
