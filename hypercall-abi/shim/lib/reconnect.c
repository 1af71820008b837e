/* SPDX-License-Identifier: Apache-2.0 */
/* Going on after the service died or was stopped, with the next one on the same socket. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "internal.h"

#define RETRY_MS 10

/* How an attempt ended that may succeed later; not an errno value, so that no answer of the service is mistaken for it. */
#define NOT_YET 1

static int64_t now_ms(void) {
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void pause_ms(long ms) {
    struct timespec duration = {.tv_nsec = ms * 1000000};

    nanosleep(&duration, NULL);
}

/* Whether the other end of the socket has closed, which nobody has noticed if no call was made since. */
static bool has_hung_up(const struct pviommu *handle) {
    struct pollfd fd = {.fd = handle->socket, .events = POLLRDHUP};

    return client_is_gone(handle) || (poll(&fd, 1, 0) > 0 && fd.revents != 0);
}

static int register_again(struct pviommu *fresh, const struct regions *regions, bool doubtful) {
    unsigned int i;

    for (i = 0; i < regions->count; i++) {
        const struct region *region = &regions->entries[i];
        struct pvi_msg_register_memory message;
        bool lost;
        int error;

        if (region->doubtful != doubtful) continue;
        message_register(&message, region->first_mfn, region->nr_pages, region->fd_offset);
        error = client_request(fresh, &message.header, region->memfd, &lost);
        if (error) return lost ? NOT_YET : error;
    }
    return 0;
}

static bool has_doubtful(const struct regions *regions) {
    unsigned int i;

    for (i = 0; i < regions->count; i++)
        if (regions->entries[i].doubtful) return true;
    return false;
}

/* RESUME, again and again while somebody else has to come back first. */
static int resume(struct pviommu *fresh, int64_t deadline_ms) {
    struct pvi_msg_resume message;
    bool lost;
    int error;

    message_resume(&message);
    for (;;) {
        error = client_request(fresh, &message.header, -1, &lost);
        if (lost) return NOT_YET;
        if (error != -EBUSY || now_ms() >= deadline_ms) return error;
        pause_ms(RETRY_MS);
    }
}

/*
 * Shows the memory and asks for what was mapped. Where the answer to a register or unregister was lost, the service may
 * have that region or not: it is asked without it first. *with_doubtful says which it was.
 */
static int come_back(struct pviommu *fresh, const struct regions *regions, int64_t deadline_ms, bool *with_doubtful) {
    int error = register_again(fresh, regions, false);

    *with_doubtful = false;
    if (!error) error = resume(fresh, deadline_ms);
    if (error != -EINVAL || !has_doubtful(regions)) return error;
    *with_doubtful = true;
    error = register_again(fresh, regions, true);
    return error ? error : resume(fresh, deadline_ms);
}

/* All locks are held. The old connection moves into `fresh`, which is closed with it. */
static void take_over(struct pviommu *handle, struct pviommu *fresh) {
    struct pvi_ring_header *ring = handle->ring;
    size_t ring_bytes = handle->ring_bytes;
    int socket = handle->socket;
    uint32_t i;

    handle->ring = fresh->ring;
    handle->ring_bytes = fresh->ring_bytes;
    handle->socket = fresh->socket;
    fresh->ring = ring;
    fresh->ring_bytes = ring_bytes;
    fresh->socket = socket;
    for (i = 0; i < handle->nr_slots; i++) {
        struct slot slot = handle->vcpus[i].slot;

        handle->vcpus[i].slot = fresh->vcpus[i].slot;
        fresh->vcpus[i].slot = slot;
    }
    if (!__atomic_load_n(&handle->spin_is_set, __ATOMIC_RELAXED))
        __atomic_store_n(&handle->spin_iterations, fresh->spin_iterations, __ATOMIC_RELAXED);
    __atomic_store_n(&handle->gone, 0, __ATOMIC_RELAXED);
    pviommu_close(fresh);
}

/* The doubt is over: the regions are the service's, or they are not. */
static void settle(struct pviommu *handle, bool registered) {
    struct regions *regions = &handle->regions;
    unsigned int i;

    pthread_rwlock_wrlock(&handle->regions_lock);
    for (i = regions->count; i-- > 0;) {
        struct region *region = &regions->entries[i];

        if (!region->doubtful) continue;
        region->doubtful = false;
        if (registered) continue;
        close(region->memfd);
        regions_remove(regions, region); /* the last one takes its place, and has been looked at */
    }
    pthread_rwlock_unlock(&handle->regions_lock);
}

static bool is_nobody_there(int error) {
    return error == -ENOENT || error == -ECONNREFUSED || error == -EAGAIN || error == PVIOMMU_GONE;
}

static int attempt(struct pviommu *handle, int64_t deadline_ms) {
    struct pviommu *fresh;
    bool with_doubtful = false;
    bool answered;
    int error =
        client_connect(handle->path, handle->guest_id, handle->nr_slots, PVI_HELLO_RESUME, &fresh, &answered);

    /* Busy: a connection of before has not ended yet. */
    if (error && (answered ? error == -EBUSY : is_nobody_there(error))) return NOT_YET;
    if (error) return error;
    if (fresh->nr_slots != handle->nr_slots)
        error = set_error(-ENOSPC, "the service grants slots=%u, before slots=%u", fresh->nr_slots, handle->nr_slots);
    else
        error = come_back(fresh, &handle->regions, deadline_ms, &with_doubtful);
    if (error) {
        pviommu_close(fresh);
        return error;
    }
    take_over(handle, fresh);
    settle(handle, with_doubtful);
    return 0;
}

static int reconnect(struct pviommu *handle, int timeout_ms) {
    int64_t deadline_ms = timeout_ms < 0 ? INT64_MAX : now_ms() + timeout_ms;
    int error;

    if (!has_hung_up(handle)) return set_error(-EISCONN, "the service is there");
    while ((error = attempt(handle, deadline_ms)) == NOT_YET) {
        if (now_ms() >= deadline_ms) {
            char last[256];

            snprintf(last, sizeof last, "%s", pviommu_last_error());
            return set_error(-ETIMEDOUT, "the service is not back after ms=%d: %s", timeout_ms, last);
        }
        pause_ms(RETRY_MS);
    }
    return error;
}

int pviommu_reconnect(struct pviommu *handle, int timeout_ms) {
    uint32_t i;
    int error;

    pthread_mutex_lock(&handle->request_lock);
    for (i = 0; i < handle->nr_slots; i++) pthread_mutex_lock(&handle->vcpus[i].lock);
    error = reconnect(handle, timeout_ms);
    for (i = handle->nr_slots; i-- > 0;) pthread_mutex_unlock(&handle->vcpus[i].lock);
    pthread_mutex_unlock(&handle->request_lock);
    return error;
}
