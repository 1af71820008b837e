/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The caller's side of a slot.
 *
 * Memory ordering (docs/ring-transport.md has the whole argument). The fields
 * of a call are published by the store-release of word and the result is
 * observed by the load-acquire of it. Sleeping is the store-buffer pattern:
 * each side stores what the other looks for, executes a full fence, and only
 * then looks at what the other stores. At least one of the two therefore sees
 * the other's store, and no wake-up is lost.
 *
 * The __atomic builtins are the C11 memory model on plain integers, which is
 * what the structures shared with another process are made of.
 */
#define _GNU_SOURCE
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "internal.h"

static void relax(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void full_fence(void) {
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* A full counter (EAGAIN) means that the other side has been rung already. */
static void ring_bell(int fd) {
    const uint64_t one = 1;
    ssize_t written;

    do written = write(fd, &one, sizeof one);
    while (written < 0 && errno == EINTR);
}

void slot_submit(struct slot *slot, uint32_t cmd, uint64_t arg, uint32_t count) {
    struct pvi_slot *shared = slot->shared;

    slot->generation = (slot->generation + 1) & PVI_SLOT_GENERATION_MASK;
    shared->cmd = cmd;
    shared->arg = arg;
    shared->count = count;
    __atomic_store_n(&shared->word, PVI_SLOT_WORD(slot->generation, PVI_SLOT_READY), __ATOMIC_RELEASE);
    full_fence(); /* pairs with the service's, between service_waiting = 1 and its last look at the slots */
    if (__atomic_load_n(&slot->ring->service_waiting, __ATOMIC_RELAXED)) ring_bell(slot->kick_fd);
}

enum slot_progress slot_progress(const struct slot *slot) {
    uint32_t word = __atomic_load_n(&slot->shared->word, __ATOMIC_ACQUIRE);

    if (word == PVI_SLOT_WORD(slot->generation, PVI_SLOT_DONE)) return SLOT_COMPLETE;
    return word == PVI_SLOT_WORD(slot->generation, PVI_SLOT_READY) ? SLOT_PENDING : SLOT_BROKEN;
}

static enum slot_progress spin(const struct slot *slot, uint32_t iterations) {
    enum slot_progress progress = slot_progress(slot);

    while (progress == SLOT_PENDING && iterations-- > 0) {
        relax();
        progress = slot_progress(slot);
    }
    return progress;
}

/*
 * Sleeps until the done bell rings; 0, also without reason. PVIOMMU_GONE when the service hangs up. POLLIN of the
 * socket is not asked for: an answer there is for the thread that waits in a memory request.
 */
static int sleep_until_rung(const struct slot *slot) {
    struct pollfd fds[2] = {
        {.fd = slot->done_fd, .events = POLLIN},
        {.fd = slot->life_fd, .events = POLLRDHUP},
    };
    uint64_t rings;

    if (poll(fds, 2, -1) < 0)
        return errno == EINTR ? 0 : set_error(PVIOMMU_GONE, "poll failed with errno=%d", errno);
    if (fds[0].revents & POLLIN) {
        /* Takes the rings, at most one of which is for this sleep; nobody else reads this fd. */
        if (read(slot->done_fd, &rings, sizeof rings) < 0 && errno != EAGAIN && errno != EINTR)
            return set_error(PVIOMMU_GONE, "cannot read the done eventfd: errno=%d", errno);
        return 0;
    }
    if (fds[0].revents || fds[1].revents)
        return set_error(PVIOMMU_GONE, "the service went away during a call");
    return 0;
}

static enum slot_progress sleep_on(const struct slot *slot) {
    uint32_t *waiting = &slot->shared->caller_waiting;
    enum slot_progress progress;

    __atomic_store_n(waiting, 1, __ATOMIC_RELAXED);
    full_fence(); /* pairs with the service's, between word = DONE and its look at caller_waiting */
    progress = slot_progress(slot);
    while (progress == SLOT_PENDING) {
        int error = sleep_until_rung(slot);

        /* After a hang-up this is the last look: a service that ends finishes the call under way first. */
        progress = slot_progress(slot);
        if (error) break;
    }
    __atomic_store_n(waiting, 0, __ATOMIC_RELAXED);
    return progress;
}

int slot_wait(struct slot *slot, uint32_t spin_iterations, int64_t *result) {
    enum slot_progress progress = spin(slot, spin_iterations);

    if (progress == SLOT_PENDING) progress = sleep_on(slot);
    if (progress == SLOT_PENDING) return PVIOMMU_GONE;
    if (progress == SLOT_BROKEN)
        return set_error(PVIOMMU_GONE, "the service left word=0x%x in a slot of generation=%u", slot->shared->word,
                         slot->generation);
    *result = slot->shared->result;
    /* Release: the service must not see FREE before we are done with the result. */
    __atomic_store_n(&slot->shared->word, PVI_SLOT_WORD(slot->generation, PVI_SLOT_FREE), __ATOMIC_RELEASE);
    return 0;
}
