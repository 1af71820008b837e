/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Work that can be checked over deaths of the service: batches that map and
 * unmap whole windows of bus frames, and a log of one line for each step, which
 * is in the file before the next step begins:
 *
 *     submit N map BFN COUNT MFN     batch N is about to be submitted
 *     submit N unmap BFN COUNT 0
 *     done N map BFN COUNT MFN       answered; all statuses were 0
 *     wrong N ...                    answered otherwise
 *     lost N                         the service went away; nobody knows what batch N came to
 *     back                           it is there again, and the guest with all that it had
 *     found N PAGES                  so many pages of the window are as the lost batch asked
 *     verified PAGES WRONG           every page of every window was looked up
 *     end
 *
 * Numbers are decimal. Page BFN + i has frame MFN + COUNT - 1 - i: falling
 * frames, so that no two pages are one mapping. An unmap of a window of which
 * only a part is mapped asks for that part; afterwards nothing of it is mapped.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>

#include "guest.h"

/* SIGUSR1: the batch under way is the last one. */
static volatile sig_atomic_t told_to_end;

static void end_work(int signal_number) {
    (void)signal_number;
    told_to_end = 1;
}

/* What is in a window, as far as it was answered or looked up. */
enum window_state { EMPTY, MAPPED, PARTLY };

struct window {
    enum window_state state;
    uint64_t first_frame;
};

struct work {
    struct guest *guest;
    struct phase phase;
    FILE *log;
    uint64_t first_bfn; /* of window 0 */
    uint32_t batch;
    struct window windows[WORK_WINDOWS];

    /* The batch under way. */
    uint64_t number;
    uint32_t window;
    bool maps;
    bool submitted;
    uint64_t first_frame;
};

/* A multiplier without pattern, so that neighbours in time are not neighbours in place. */
static uint64_t mix(uint64_t number) {
    return (number * PATTERN_STEP) >> 20;
}

uint64_t work_first_frame(uint64_t number, uint64_t frames, uint32_t batch) {
    return mix(number) % (frames - batch + 1);
}

uint32_t work_window(uint64_t number) {
    return (uint32_t)(mix(number ^ 0x5555) % WORK_WINDOWS);
}

static uint64_t bfn_of(const struct work *work, uint32_t window, uint32_t page) {
    return work->first_bfn + (uint64_t)window * work->batch + page;
}

static uint64_t frame_of(const struct work *work, uint64_t first_frame, uint32_t page) {
    return first_frame + work->batch - 1 - page;
}

static void note(struct work *work, const char *step) {
    if (!work->log) return;
    fprintf(work->log, "%s %" PRIu64 " %s %" PRIu64 " %u %" PRIu64 "\n", step, work->number,
            work->maps ? "map" : "unmap", bfn_of(work, work->window, 0), work->batch,
            work->maps ? work->first_frame : 0);
    fflush(work->log);
}

static void note_number(struct work *work, const char *step, uint64_t a, uint64_t b, int numbers) {
    if (!work->log) return;
    fputs(step, work->log);
    if (numbers > 0) fprintf(work->log, " %" PRIu64, a);
    if (numbers > 1) fprintf(work->log, " %" PRIu64, b);
    fputc('\n', work->log);
    fflush(work->log);
}

static void choose(struct work *work) {
    const struct guest *guest = work->guest;
    uint32_t i;

    work->number++;
    work->submitted = false;
    work->window = work_window(work->number);
    for (i = 0; i < WORK_WINDOWS; i++)
        if (work->windows[i].state == PARTLY) work->window = i; /* that comes first */
    work->maps = work->windows[work->window].state == EMPTY;
    work->first_frame =
        guest->first_mfn + work_first_frame(work->number, guest->scratch_mfn - guest->first_mfn, work->batch);
}

/* Elements of the batch; of a window that is partly mapped, those that guest->bfns names. */
static uint32_t fill(struct work *work, uint32_t named) {
    struct guest *guest = work->guest;
    uint32_t flags = work->maps ? IOMMU_MAP_OP_readable | IOMMU_MAP_OP_writeable : 0;
    bool partly = work->windows[work->window].state == PARTLY;
    uint32_t count = partly ? named : work->batch;
    uint32_t i;

    for (i = 0; i < count; i++) {
        uint64_t bfn = partly ? guest->bfns[i] : bfn_of(work, work->window, i);

        guest_set_op(guest, i, bfn, work->maps ? frame_of(work, work->first_frame, i) : 0, flags, IOMMU_STATUS_OK);
    }
    return count;
}

/* Looks all pages of a window up: guest->ops has the answers, guest->bfns[0..result-1] the pages that are mapped. */
static uint32_t look_up(struct work *work, uint32_t window) {
    struct guest *guest = work->guest;
    uint32_t mapped = 0;
    uint32_t i;
    long result;

    for (i = 0; i < work->batch; i++) guest_set_op(guest, i, bfn_of(work, window, i), 0, 0, IOMMU_STATUS_OK);
    result = guest_call(guest, IOMMUOP_lookup_page, work->batch);
    if (guest->lost) return 0;
    if (result != 0) phase_failure(&work->phase, "lookup returned %ld (%s)", result, status_name(result));
    for (i = 0; i < work->batch; i++)
        if (guest->ops[i].status == IOMMU_STATUS_OK) guest->bfns[mapped++] = guest->ops[i].bfn;
    return mapped;
}

/* Pages of the looked-up window that are not as `window` says; none is said of one that is partly mapped. */
static uint64_t count_wrong(const struct work *work, const struct window *window) {
    uint64_t wrong = 0;
    uint32_t i;

    for (i = 0; i < work->batch; i++) {
        struct iommu_map_op op = work->guest->ops[i];
        bool mapped = op.status == IOMMU_STATUS_OK;

        if (!mapped && op.status != IOMMU_STATUS_ENOENT) wrong++;
        else if (mapped && op.mfn != frame_of(work, window->first_frame, i)) wrong++;
        else if (window->state != PARTLY && mapped != (window->state == MAPPED)) wrong++;
    }
    return wrong;
}

/* What the lost batch came to; its window is then as found. */
static void settle(struct work *work) {
    struct window *window = &work->windows[work->window];
    uint32_t mapped = look_up(work, work->window);
    bool was_partly = window->state == PARTLY;

    if (work->guest->lost) return;
    if (work->maps) window->first_frame = work->first_frame;
    window->state = mapped == 0 ? EMPTY : mapped == work->batch && !was_partly ? MAPPED : PARTLY;
    note_number(work, "found", work->number, work->maps ? mapped : work->batch - mapped, 2);
}

static void verify(struct work *work) {
    uint64_t wrong = 0;
    uint32_t i;

    for (i = 0; i < WORK_WINDOWS && !work->guest->lost; i++) {
        look_up(work, i);
        if (!work->guest->lost) wrong += count_wrong(work, &work->windows[i]);
    }
    if (work->guest->lost) return;
    if (wrong) phase_failure(&work->phase, "pages=%" PRIu64 " are not what was answered", wrong);
    note_number(work, "verified", (uint64_t)WORK_WINDOWS * work->batch, wrong, 2);
}

/* The service has gone, most likely with a batch under way. Again from the start if it goes meanwhile. */
static void go_on(struct work *work) {
    if (work->submitted) note_number(work, "lost", work->number, 0, 1);
    while (work->guest->lost && work->guest->options->reconnect) {
        if (!guest_reconnect(work->guest)) return;
        note_number(work, "back", 0, 0, 0);
        if (work->submitted) settle(work);
        if (!work->guest->lost) verify(work);
    }
}

/* All statuses as expected; the others are counted and told. */
static bool is_good(struct work *work, long result, uint32_t count) {
    struct guest *guest = work->guest;
    uint64_t failed = work->phase.failed;
    uint32_t i;

    if (result != 0)
        phase_failure(&work->phase, "batch=%" PRIu64 " returned %ld (%s)", work->number, result, status_name(result));
    for (i = 0; i < count; i++)
        if (guest->ops[i].status != IOMMU_STATUS_OK)
            phase_failure(&work->phase, "batch=%" PRIu64 " element=%u status=%s", work->number, i,
                          status_name(guest->ops[i].status));
    return work->phase.failed == failed;
}

static void run(struct work *work) {
    struct guest *guest = work->guest;
    struct window *window = &work->windows[work->window];
    uint32_t named = window->state == PARTLY ? look_up(work, work->window) : 0;
    uint32_t count;
    uint64_t start;
    long result;

    if (guest->lost) return;
    count = fill(work, named);
    note(work, "submit");
    work->submitted = true;
    start = now_ns();
    result = guest_call(guest, work->maps ? IOMMUOP_map_page : IOMMUOP_unmap_page, count);
    work->phase.call_ns += now_ns() - start;
    histogram_add(&work->phase.histogram, now_ns() - start);
    work->phase.calls++;
    if (guest->lost) return;
    work->phase.operations += count;
    note(work, is_good(work, result, count) ? "done" : "wrong");
    window->state = work->maps ? MAPPED : EMPTY;
    window->first_frame = work->first_frame;
}

static bool is_over(const struct work *work, uint64_t start_ns) {
    const struct options *options = work->guest->options;

    if (told_to_end) return true;
    if (options->batches && work->number >= options->batches) return true;
    return options->seconds && now_ns() - start_ns >= options->seconds * 1000000000ULL;
}

static bool open_log(struct work *work) {
    const char *path = work->guest->options->log;

    if (!path) return true;
    work->log = fopen(path, "w");
    if (!work->log) phase_failure(&work->phase, "cannot write %s: %s", path, strerror(errno));
    return work->log != NULL;
}

uint64_t phase_work(struct guest *guest) {
    struct work work = {.guest = guest, .first_bfn = guest->last_mfn + 1, .batch = guest->options->batch};
    uint64_t start = now_ns();

    phase_begin(&work.phase, "work", work.batch);
    told_to_end = 0;
    signal(SIGUSR1, end_work);
    if (open_log(&work)) {
        while (!is_over(&work, start) && !guest->lost) {
            choose(&work);
            run(&work);
            if (guest->lost) go_on(&work);
        }
        if (!guest->lost) note_number(&work, "end", 0, 0, 0);
    }
    if (work.log && fclose(work.log) != 0) phase_failure(&work.phase, "the log cannot be written: %s", strerror(errno));
    phase_report(guest, &work.phase);
    return work.phase.failed;
}
