/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The slot's life cycle: the caller's side is the library's, the service's
 * side is played by a thread exactly as the contract says. Run under
 * ThreadSanitizer as well, which sees a missing release or acquire.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "internal.h"

#define CALLS 20000
/* Answers: a mix of the arguments, so that a stale argument or result shows. */
#define ANSWER(cmd, arg, count) ((int64_t)((arg) * 31 + (cmd) * 7 + (count)))

struct bench {
    struct pvi_ring_header ring __attribute__((aligned(64)));
    struct pvi_slot shared __attribute__((aligned(64)));
    struct slot slot;
    int service_socket;
    uint32_t service_spin;
    uint64_t service_sleeps;
    uint32_t calls;            /* how many the service serves */
    uint32_t first_generation; /* of these calls; the service counts for itself from here */
};

static void set_up(struct bench *bench, uint32_t generation) {
    int sockets[2];

    memset(bench, 0, sizeof *bench);
    CHECK_NUMBER(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sockets), 0);
    bench->service_socket = sockets[1];
    bench->shared.word = PVI_SLOT_WORD(generation, PVI_SLOT_FREE);
    bench->slot.generation = generation;
    bench->slot.ring = &bench->ring;
    bench->slot.shared = &bench->shared;
    bench->slot.kick_fd = eventfd(0, EFD_NONBLOCK);
    bench->slot.done_fd = eventfd(0, EFD_NONBLOCK);
    bench->slot.life_fd = sockets[0];
    CHECK(bench->slot.kick_fd >= 0 && bench->slot.done_fd >= 0);
}

static void tear_down(struct bench *bench) {
    close(bench->slot.kick_fd);
    close(bench->slot.done_fd);
    close(bench->slot.life_fd);
    if (bench->service_socket >= 0) close(bench->service_socket);
}

static int is_ready(struct bench *bench, uint32_t generation) {
    return __atomic_load_n(&bench->shared.word, __ATOMIC_ACQUIRE) == PVI_SLOT_WORD(generation, PVI_SLOT_READY);
}

/* The service's way to sleep: announce, full fence, look again, wait for the kick. */
static void service_sleep(struct bench *bench, uint32_t generation) {
    struct pollfd bell = {.fd = bench->slot.kick_fd, .events = POLLIN};
    uint64_t rings;

    __atomic_store_n(&bench->ring.service_waiting, 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    while (!is_ready(bench, generation)) {
        bench->service_sleeps++;
        /* A lost wake-up would hang here; the limit turns that into a failure. */
        CHECK_NUMBER(poll(&bell, 1, 60000), 1);
        CHECK_NUMBER(read(bench->slot.kick_fd, &rings, sizeof rings), sizeof rings);
    }
    __atomic_store_n(&bench->ring.service_waiting, 0, __ATOMIC_RELAXED);
}

static void serve_one(struct bench *bench, uint32_t generation) {
    struct pvi_slot *shared = &bench->shared;
    uint64_t one = 1;
    uint32_t spin = bench->service_spin;

    while (!is_ready(bench, generation) && spin-- > 0) continue;
    if (!is_ready(bench, generation)) service_sleep(bench, generation);
    shared->result = ANSWER(shared->cmd, shared->arg, shared->count);
    __atomic_store_n(&shared->word, PVI_SLOT_WORD(generation, PVI_SLOT_DONE), __ATOMIC_RELEASE);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (__atomic_load_n(&shared->caller_waiting, __ATOMIC_RELAXED))
        CHECK_NUMBER(write(bench->slot.done_fd, &one, sizeof one), sizeof one);
}

static void *serve(void *argument) {
    struct bench *bench = argument;
    uint32_t generation = bench->first_generation;
    uint32_t i;

    for (i = 0; i < bench->calls; i++, generation = (generation + 1) & PVI_SLOT_GENERATION_MASK)
        serve_one(bench, generation);
    return NULL;
}

static void call_many(struct bench *bench, uint32_t caller_spin) {
    pthread_t service;
    uint32_t i;

    bench->calls = CALLS;
    bench->first_generation = (bench->slot.generation + 1) & PVI_SLOT_GENERATION_MASK;
    CHECK_NUMBER(pthread_create(&service, NULL, serve, bench), 0);
    for (i = 0; i < CALLS; i++) {
        uint64_t arg = 0x100000000ULL + i;
        int64_t result = 0;

        slot_submit(&bench->slot, 2, arg, i);
        CHECK_NUMBER(slot_wait(&bench->slot, caller_spin, &result), 0);
        CHECK_NUMBER(result, ANSWER(2, arg, i));
        CHECK_NUMBER(bench->shared.word, PVI_SLOT_WORD(bench->slot.generation, PVI_SLOT_FREE));
        CHECK_NUMBER(bench->shared.caller_waiting, 0);
    }
    CHECK_NUMBER(pthread_join(service, NULL), 0);
}

/* Both sleep at once, one sleeps, none: each combination of bells. */
static void should_lose_no_call_and_no_wake_up(void) {
    static const uint32_t spins[][2] = {{0, 0}, {0, 200}, {200, 0}, {3, 3}, {1000000, 1000000}};
    size_t i;

    for (i = 0; i < sizeof spins / sizeof spins[0]; i++) {
        struct bench bench;

        set_up(&bench, 0);
        bench.service_spin = spins[i][1];
        call_many(&bench, spins[i][0]);
        if (spins[i][1] == 0) CHECK(bench.service_sleeps > 0);
        tear_down(&bench);
    }
}

static void should_wrap_the_generation(void) {
    struct bench bench;

    set_up(&bench, PVI_SLOT_GENERATION_MASK - CALLS / 2);
    bench.service_spin = 100;
    call_many(&bench, 100);
    CHECK_NUMBER(bench.slot.generation, CALLS / 2 - 1);
    tear_down(&bench);
}

static void should_kick_only_a_service_that_waits(void) {
    struct bench bench;
    uint64_t rings = 0;

    set_up(&bench, 0);
    slot_submit(&bench.slot, 2, 0x1000, 1);
    CHECK_NUMBER(read(bench.slot.kick_fd, &rings, sizeof rings), -1);
    CHECK_NUMBER(bench.shared.word, PVI_SLOT_WORD(1, PVI_SLOT_READY));
    bench.shared.word = PVI_SLOT_WORD(1, PVI_SLOT_FREE);
    bench.ring.service_waiting = 1;
    slot_submit(&bench.slot, 2, 0x1000, 1);
    CHECK_NUMBER(read(bench.slot.kick_fd, &rings, sizeof rings), sizeof rings);
    CHECK_NUMBER(rings, 1);
    tear_down(&bench);
}

static void should_notice_a_service_that_dies(void) {
    struct bench bench;
    int64_t result = 77;

    set_up(&bench, 0);
    slot_submit(&bench.slot, 2, 0x1000, 1);
    close(bench.service_socket);
    bench.service_socket = -1;
    CHECK_NUMBER(slot_wait(&bench.slot, 10, &result), PVIOMMU_GONE);
    CHECK_NUMBER(result, 77);
    CHECK_CONTAINS(pviommu_last_error(), "went away");
    tear_down(&bench);
}

/* A service that ends finishes the call under way, and may hang up before the caller has looked. */
static void should_take_a_result_that_was_left_before_the_end(void) {
    struct bench bench;
    int64_t result = 0;

    set_up(&bench, 0);
    slot_submit(&bench.slot, 2, 0x1000, 1);
    bench.shared.result = -5;
    bench.shared.word = PVI_SLOT_WORD(1, PVI_SLOT_DONE);
    close(bench.service_socket);
    bench.service_socket = -1;
    CHECK_NUMBER(slot_wait(&bench.slot, 0, &result), 0);
    CHECK_NUMBER(result, -5);
    tear_down(&bench);
}

/* Ends as a service may: the result is there, nobody has rung, and the connection closes. */
static void *finish_and_hang_up(void *argument) {
    struct bench *bench = argument;

    while (!__atomic_load_n(&bench->shared.caller_waiting, __ATOMIC_ACQUIRE)) continue;
    usleep(50000); /* by now the caller is most likely asleep; if it is not, the test is only easier */
    bench->shared.result = -5;
    __atomic_store_n(&bench->shared.word, PVI_SLOT_WORD(1, PVI_SLOT_DONE), __ATOMIC_RELEASE);
    close(bench->service_socket);
    return NULL;
}

static void should_look_once_more_after_a_hang_up(void) {
    struct bench bench;
    pthread_t service;
    int64_t result = 0;

    set_up(&bench, 0);
    slot_submit(&bench.slot, 2, 0x1000, 1);
    CHECK_NUMBER(pthread_create(&service, NULL, finish_and_hang_up, &bench), 0);
    CHECK_NUMBER(slot_wait(&bench.slot, 0, &result), 0);
    CHECK_NUMBER(result, -5);
    CHECK_NUMBER(pthread_join(service, NULL), 0);
    bench.service_socket = -1;
    tear_down(&bench);
}

static void should_refuse_a_word_that_cannot_be(void) {
    static const uint32_t words[] = {
        PVI_SLOT_WORD(1, 3),
        PVI_SLOT_WORD(1, PVI_SLOT_FREE),
        PVI_SLOT_WORD(0, PVI_SLOT_DONE),
        PVI_SLOT_WORD(2, PVI_SLOT_DONE),
        PVI_SLOT_WORD(2, PVI_SLOT_READY),
    };
    size_t i;

    for (i = 0; i < sizeof words / sizeof words[0]; i++) {
        struct bench bench;
        int64_t result;

        set_up(&bench, 0);
        slot_submit(&bench.slot, 2, 0x1000, 1);
        bench.shared.word = words[i];
        CHECK_NUMBER(slot_wait(&bench.slot, 10, &result), PVIOMMU_GONE);
        tear_down(&bench);
    }
}

/* A bell that was rung for an earlier call only costs one more look. */
static void should_bear_a_stale_bell(void) {
    struct bench bench;
    uint64_t one = 1;

    set_up(&bench, 0);
    CHECK_NUMBER(write(bench.slot.done_fd, &one, sizeof one), sizeof one);
    call_many(&bench, 0);
    tear_down(&bench);
}

int main(void) {
    RUN(should_lose_no_call_and_no_wake_up);
    RUN(should_wrap_the_generation);
    RUN(should_kick_only_a_service_that_waits);
    RUN(should_notice_a_service_that_dies);
    RUN(should_take_a_result_that_was_left_before_the_end);
    RUN(should_look_once_more_after_a_hang_up);
    RUN(should_refuse_a_word_that_cannot_be);
    RUN(should_bear_a_stale_bell);
    return 0;
}
