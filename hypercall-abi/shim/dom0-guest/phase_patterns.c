/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs the patterns of driver.c against a real service, and looks up afterwards
 * whether the address space is what each pattern was to make of it. Each starts
 * and ends with nothing mapped.
 */
#include <string.h>

#include "driver.h"

/* Pages of a scatter list, of a lazy unmap, of a stretch of the teardown. */
#define LIST_PAGES 32
#define NOT_MAPPED UINT64_MAX

static struct {
    struct guest *guest;
    struct driver driver;
    struct phase phase;
    uint64_t dma_bfn; /* from here on: bfns for buffers, LIST_PAGES * 4 of them, behind the 1:1 map */
    uint64_t failed;
} run;

/* The hypercall, timed; elements of a range count as one operation. */
static long timed_call(unsigned int cmd, void *arg, unsigned int count) {
    uint64_t start = now_ns();
    long result = HYPERVISOR_iommu_op(cmd, arg, count);
    uint64_t spent = now_ns() - start;

    histogram_add(&run.phase.histogram, spent);
    run.phase.call_ns += spent;
    run.phase.calls++;
    run.phase.operations += count;
    if (result == PVIOMMU_GONE && !run.guest->lost) {
        run.guest->lost = true;
        fprintf(stderr, "dom0-guest: %s\n", pviommu_last_error());
    }
    return result;
}

static void expect(bool holds, const char *what) {
    if (!holds && !run.guest->lost) phase_failure(&run.phase, "not so: %s", what);
}

/* Exactly this must be mapped at the n bfns (NOT_MAPPED: nothing), for reading and writing. */
static void expect_mapped(struct driver *driver, const uint64_t *bfns, const uint64_t *mfns, uint32_t n) {
    struct iommu_map_op *ops = driver->array;
    uint32_t i;

    if (run.guest->lost || !(driver->caps.caps & IOMMU_CAP_lookup)) return;
    for (i = 0; i < n; i++) ops[i] = (struct iommu_map_op){.bfn = bfns[i], .status = STATUS_UNTOUCHED};
    HYPERVISOR_iommu_op(IOMMUOP_CMD(IOMMUOP_lookup_page, 0, driver->ctx_no), ops, n);
    for (i = 0; i < n; i++) {
        bool wanted = mfns[i] != NOT_MAPPED;
        bool right = wanted ? ops[i].status == IOMMU_STATUS_OK && ops[i].mfn == mfns[i] && ops[i].flags == DRIVER_RW
                            : ops[i].status == IOMMU_STATUS_ENOENT || ops[i].status == IOMMU_STATUS_ERANGE;

        if (!right)
            phase_failure(&run.phase, "address space %u bfn=0x%llx: %s mfn=0x%llx flags=0x%x, expected mfn=0x%llx",
                          driver->ctx_no, (unsigned long long)bfns[i], status_name(ops[i].status),
                          (unsigned long long)ops[i].mfn, ops[i].flags, (unsigned long long)mfns[i]);
    }
}

/* The n bfns from `first` on map mfns[0..n-1]; NULL: nothing. */
static void expect_run(struct driver *driver, uint64_t first, const uint64_t *mfns, uint32_t n) {
    uint64_t bfns[DRIVER_BATCH];
    uint64_t wanted[DRIVER_BATCH];
    uint32_t i;

    for (i = 0; i < n; i++) {
        bfns[i] = first + i;
        wanted[i] = mfns ? mfns[i] : NOT_MAPPED;
    }
    expect_mapped(driver, bfns, wanted, n);
}

/* What the 1:1 map must make of a page. */
static bool is_premapped(const struct driver *driver, uint64_t page) {
    struct range stretch;

    return driver_next_free(driver, page, page, &stretch) && guest_map_status(run.guest, page) == IOMMU_STATUS_OK;
}

/* All of the memory; returns how many pages must be mapped. */
static uint64_t expect_premap(struct driver *driver, bool mapped) {
    uint64_t pages[DRIVER_BATCH];
    uint64_t wanted[DRIVER_BATCH];
    uint64_t page;
    uint64_t total = 0;
    uint32_t n = 0;

    for (page = run.guest->first_mfn; page <= run.guest->last_mfn; page++) {
        bool is_mapped = mapped && is_premapped(driver, page);

        total += is_mapped;
        pages[n] = page;
        wanted[n++] = is_mapped ? page : NOT_MAPPED;
        if (n < DRIVER_BATCH && page < run.guest->last_mfn) continue;
        expect_mapped(driver, pages, wanted, n);
        n = 0;
    }
    return total;
}

/* Frames of a scatter list: no two that follow each other. The first pages are left to the exchange. */
static void scatter(uint64_t *mfns, uint32_t n, uint32_t seed) {
    const struct guest *guest = run.guest;
    uint64_t page = guest->first_mfn + 2 * DRIVER_EXCHANGE + seed;
    uint32_t filled = 0;

    for (; filled < n && page < guest->scratch_mfn; page += 2)
        if (guest_map_status(guest, page) != IOMMU_STATUS_EPERM) mfns[filled++] = page;
    expect(filled == n, "there are enough frames that the guest may map");
}

static void discover(void) {
    struct driver *driver = &run.driver;
    struct range stretch;

    expect(driver_discover(driver), "the guest has a PV-IOMMU");
    expect(driver->caps.abi_version == IOMMU_ABI_VERSION, "the ABI is the one of the header");
    run.dma_bfn = run.guest->last_mfn + 1;
    while (driver_next_free(driver, run.dma_bfn, UINT64_MAX, &stretch) &&
           stretch.last - stretch.first < 4 * LIST_PAGES && stretch.last < driver->caps.max_bfn)
        run.dma_bfn = stretch.last + 1;
    if (!driver_next_free(driver, run.dma_bfn, UINT64_MAX, &stretch)) {
        /* The memory fills the aperture: buffers take the place of the 1:1 map, which is not there at that time. */
        expect(driver_next_free(driver, 0, UINT64_MAX, &stretch), "there is a bfn that can be mapped");
    }
    expect(stretch.last - stretch.first >= 4 * LIST_PAGES, "there are bfns for buffers");
    run.dma_bfn = stretch.first;
}

static void premap_with(struct driver *driver) {
    const struct guest *guest = run.guest;
    uint64_t mapped = driver_premap(driver, guest->first_mfn, guest->last_mfn);

    expect(mapped == expect_premap(driver, true), "all pages are mapped that can be");
    expect(driver_teardown(driver, guest->first_mfn, guest->last_mfn), "the memory is free after the teardown");
    expect_premap(driver, false);
}

static void premap_ranges(void) {
    premap_with(&run.driver);
}

/* As if the service did not offer ranges. */
static void premap_pages(void) {
    struct driver plain = run.driver;

    plain.caps.caps &= ~(uint32_t)IOMMU_CAP_ranges;
    premap_with(&plain);
}

static void dma(void) {
    struct driver *driver = &run.driver;
    uint64_t mfns[LIST_PAGES];
    uint64_t bad[LIST_PAGES];

    scatter(mfns, LIST_PAGES, 0);
    expect(driver_dma_map(driver, mfns, LIST_PAGES, run.dma_bfn) == GO_ON, "a scatter list is mapped");
    expect_run(driver, run.dma_bfn, mfns, LIST_PAGES);
    expect(driver_dma_unmap(driver, run.dma_bfn, LIST_PAGES), "its memory is free after the unmap");
    expect_run(driver, run.dma_bfn, NULL, LIST_PAGES);

    /* A list with one frame that the guest has not: the whole list is taken back. */
    memcpy(bad, mfns, sizeof bad);
    bad[LIST_PAGES / 2] = run.guest->last_mfn + 1;
    expect(driver_dma_map(driver, bad, LIST_PAGES, run.dma_bfn) == LEAVE_OUT, "a foreign frame is refused");
    expect_run(driver, run.dma_bfn, NULL, LIST_PAGES);
    if (driver->caps.max_bfn < UINT64_MAX)
        expect(driver_dma_map(driver, mfns, 2, driver->caps.max_bfn) == OTHER_BFN, "the aperture has an end");
}

/* Without IOMMU_CAP_cut a page can be exchanged if it was mapped by a call of its own. */
static uint32_t map_singly(struct driver *driver, uint64_t *pages) {
    uint64_t page;
    uint32_t n = 0;

    for (page = run.guest->first_mfn; page < run.guest->scratch_mfn && n < DRIVER_EXCHANGE; page++) {
        if (!is_premapped(driver, page)) continue;
        expect(driver_dma_map(driver, &page, 1, page) == GO_ON, "a page of the 1:1 map is mapped");
        pages[n++] = page;
    }
    return n;
}

static void exchange_with(struct driver *driver) {
    uint64_t pages[DRIVER_EXCHANGE];
    uint64_t rotated[DRIVER_EXCHANGE];
    uint32_t n = map_singly(driver, pages);
    uint64_t all = n == 64 ? UINT64_MAX : (1ULL << n) - 1;
    uint32_t i;

    for (i = 0; i < n; i++) rotated[i] = pages[(i + 1) % n];
    expect(driver_exchange(driver, pages, rotated, n) == all, "all frames are exchanged");
    expect_mapped(driver, pages, rotated, n);
    expect(driver_exchange(driver, pages, pages, n) == all, "and exchanged back");
    expect_mapped(driver, pages, pages, n);
    for (i = 0; i < n; i++) expect(driver_dma_unmap(driver, pages[i], 1), "a page of the 1:1 map is unmapped");
}

static void exchange(void) {
    struct driver plain = run.driver;

    exchange_with(&run.driver);
    plain.caps.caps &= ~(uint32_t)IOMMU_CAP_mixed;
    exchange_with(&plain);
}

static void lazy(void) {
    struct driver *driver = &run.driver;
    uint64_t first[LIST_PAGES];
    uint64_t second[LIST_PAGES];
    /* A service whose bound is not above the list may have flushed by itself. */
    bool stays_owed = driver->caps.caps & IOMMU_CAP_defer && driver->caps.max_held_frames > LIST_PAGES;

    scatter(first, LIST_PAGES, 0);
    scatter(second, LIST_PAGES, 1);
    expect(driver_dma_map(driver, first, LIST_PAGES, run.dma_bfn) == GO_ON, "a scatter list is mapped");
    expect(driver_lazy_unmap(driver, run.dma_bfn, LIST_PAGES), "it is unmapped without a flush");
    expect_run(driver, run.dma_bfn, NULL, LIST_PAGES);
    if (stays_owed)
        expect(driver_dma_map(driver, second, LIST_PAGES, run.dma_bfn) == FLUSH_FIRST, "its bfns are owed");
    expect_run(driver, run.dma_bfn, NULL, LIST_PAGES);
    expect(driver_dma_map_again(driver, second, LIST_PAGES, run.dma_bfn) == GO_ON, "after a flush they are free");
    expect_run(driver, run.dma_bfn, second, LIST_PAGES);
    expect(driver_lazy_unmap(driver, run.dma_bfn, LIST_PAGES), "the second list is unmapped without a flush");
    if (driver->caps.caps & IOMMU_CAP_defer) expect(driver_flush(driver), "the flush at the end is done");
    expect(driver_dma_map(driver, first, LIST_PAGES, run.dma_bfn) == GO_ON, "the bfns are free again");
    expect(driver_dma_unmap(driver, run.dma_bfn, LIST_PAGES), "and the memory is");
}

/* The endpoint is in `space`: buffers come and go while address space 0 has another frame at the same bfn. */
static void work_in(struct driver *space) {
    uint64_t own[LIST_PAGES];
    uint64_t other[LIST_PAGES];

    scatter(own, LIST_PAGES, 0);
    scatter(other, LIST_PAGES, 1);
    expect(driver_dma_map(&run.driver, other, LIST_PAGES, run.dma_bfn) == GO_ON, "address space 0 is mapped");
    expect(driver_dma_map(space, own, LIST_PAGES, run.dma_bfn) == GO_ON, "the second address space is mapped");
    expect_run(space, run.dma_bfn, own, LIST_PAGES);
    expect_run(&run.driver, run.dma_bfn, other, LIST_PAGES);
    expect(driver_lazy_unmap(space, run.dma_bfn, LIST_PAGES), "the second one is unmapped without a flush");
    expect_run(&run.driver, run.dma_bfn, other, LIST_PAGES);
    expect(driver_dma_map_again(space, own, LIST_PAGES, run.dma_bfn) == GO_ON, "and mapped again");
    expect(driver_dma_unmap(&run.driver, run.dma_bfn, LIST_PAGES), "address space 0 is unmapped");
    expect_run(space, run.dma_bfn, own, LIST_PAGES);
}

static void second_space(void) {
    const struct options *options = run.guest->options;
    struct driver space;
    uint64_t buffer;
    long result;

    if (!(run.driver.caps.caps & IOMMU_CAP_contexts) || run.driver.caps.max_contexts < 2) return;
    scatter(&buffer, 1, 0);
    expect(driver_new_space(&run.driver, &space) == GO_ON, "there is a second address space");
    /* What is mapped before the endpoint comes is there at its first access. */
    expect(driver_dma_map(&space, &buffer, 1, run.dma_bfn + LIST_PAGES) == GO_ON, "it can be mapped in advance");
    if (options->endpoint_set) expect(driver_attach(&space, options->endpoint) == GO_ON, "the endpoint is attached");
    work_in(&space);
    if (options->endpoint_set) {
        expect(driver_free_space(&space) == BOUNCE, "it is not freed under its endpoint");
        expect(driver_attach(&run.driver, options->endpoint) == GO_ON, "the endpoint is attached back");
    }
    expect(driver_teardown(&space, run.dma_bfn, run.dma_bfn + 2 * LIST_PAGES - 1), "its memory is free");
    expect(driver_free_space(&space) == GO_ON, "it is freed");
    result = timed_call(IOMMUOP_CMD(IOMMUOP_query_reserved, 0, space.ctx_no), NULL, 0);
    expect(result == IOMMU_STATUS_ENOENT, "its number is unknown now");
    expect(space.reports == 0, "no status speaks of a defect of the second driver");
}

/* Three stretches with holes between them, removed by one operation over all of it. */
static void teardown_with(struct driver *driver) {
    uint64_t mfns[LIST_PAGES];
    uint64_t last = run.dma_bfn + 4 * LIST_PAGES - 1;
    uint32_t i;

    scatter(mfns, LIST_PAGES, 0);
    for (i = 0; i < 3; i++)
        expect(driver_dma_map(driver, mfns, LIST_PAGES / 2, run.dma_bfn + i * LIST_PAGES) == GO_ON,
               "a stretch is mapped");
    expect(driver_teardown(driver, run.dma_bfn, last), "memory with holes is torn down");
    expect_run(driver, run.dma_bfn, NULL, 4 * LIST_PAGES);
    expect(driver_teardown(driver, run.dma_bfn, last), "nothing left is nothing wrong");
}

static void teardown(void) {
    struct driver plain = run.driver;

    plain.caps.caps &= ~(uint32_t)IOMMU_CAP_ranges;
    teardown_with(&run.driver);
    teardown_with(&plain);
}

static void run_pattern(const char *name, void (*pattern)(void)) {
    if (run.guest->lost || run.failed) return; /* the patterns build on each other's clean end */
    phase_begin(&run.phase, name, 0);
    run.driver.reports = 0;
    pattern();
    expect(run.driver.reports == 0, "no status speaks of a defect of the driver");
    phase_report(run.guest, &run.phase);
    run.failed += run.phase.failed;
}

uint64_t phase_patterns(struct guest *guest) {
    memset(&run, 0, sizeof run);
    run.guest = guest;
    run.driver.call = timed_call;
    run.driver.array = guest->ops;
    run_pattern("discover", discover);
    run_pattern("premap-ranges", premap_ranges);
    run_pattern("premap-pages", premap_pages);
    run_pattern("dma", dma);
    run_pattern("exchange", exchange);
    run_pattern("lazy", lazy);
    run_pattern("second-space", second_space);
    run_pattern("teardown", teardown);
    return run.failed;
}
