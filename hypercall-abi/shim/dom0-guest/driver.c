/* SPDX-License-Identifier: Apache-2.0 */
/* The patterns of driver.h. */
#include <string.h>

#include "driver.h"

/* A teardown whose flush keeps failing ends after this many times; the memory then stays with the guest. */
#define TEARDOWN_TRIES 3

_Static_assert(DRIVER_BATCH * sizeof(struct iommu_map_op) <= PAGE_BYTES, "the array is one page");

/* doc:begin react */
static enum action react(struct driver *driver, enum work work, long status) {
    enum action action = handle_status(work, status);

    driver->reports += action == REPORT;
    return action;
}

static long call(struct driver *driver, unsigned int subop, unsigned int modifiers, uint32_t count) {
    return driver->call(IOMMUOP_CMD(subop, modifiers, driver->ctx_no), driver->array, count);
}
/* doc:end react */

/* doc:begin discover */
void driver_learn_reserved(struct driver *driver) {
    long n = call(driver, IOMMUOP_query_reserved, 0, DRIVER_BATCH);

    /* Not offered: none are known. More than fit: the rest shows by its status, EADDRNOTAVAIL. */
    driver->nr_reserved = n < 0 ? 0 : n > DRIVER_BATCH ? DRIVER_BATCH : (uint32_t)n;
    memcpy(driver->reserved, driver->array, driver->nr_reserved * sizeof driver->reserved[0]);
}

bool driver_discover(struct driver *driver) {
    struct iommu_caps *caps = driver->array;

    if (driver->call(IOMMUOP_query_caps, caps, 1) != 0) return false;
    driver->caps = *caps;
    driver_learn_reserved(driver);
    return true;
}
/* doc:end discover */

bool driver_next_free(const struct driver *driver, uint64_t from, uint64_t last, struct range *stretch) {
    uint32_t i;

    if (last > driver->caps.max_bfn) last = driver->caps.max_bfn;
    for (i = 0; i < driver->nr_reserved && from <= last; i++) {
        const struct iommu_reserved_range *reserved = &driver->reserved[i];

        if (reserved->last_bfn < from) continue;
        if (reserved->first_bfn > from) {
            if (last >= reserved->first_bfn) last = reserved->first_bfn - 1;
            break;
        }
        if (reserved->last_bfn >= last) return false; /* so that the next line cannot wrap */
        from = reserved->last_bfn + 1;
    }
    *stretch = (struct range){.set = true, .first = from, .last = last};
    return from <= last;
}

/* doc:begin premap_range */
static uint64_t premap_by_range(struct driver *driver, const struct range *stretch) {
    struct iommu_range_op *op = driver->array;
    uint64_t mapped = 0;
    uint64_t page = stretch->first;

    while (page <= stretch->last) {
        enum action action;

        *op = (struct iommu_range_op){.bfn = page, .mfn = page, .nr_pages = stretch->last - page + 1,
                                      .flags = DRIVER_RW, .status = STATUS_UNTOUCHED};
        call(driver, IOMMUOP_map_range, 0, 1);
        action = react(driver, WORK_MAP, op->status);
        mapped += op->nr_done; /* what was mapped before the first refusal stays mapped */
        page += op->nr_done;
        if (action != OTHER_BFN && action != LEAVE_OUT) break;
        page++; /* the status speaks of this page alone */
    }
    return mapped;
}
/* doc:end premap_range */

/* doc:begin premap_page */
static uint64_t premap_by_page(struct driver *driver, const struct range *stretch) {
    struct iommu_map_op *ops = driver->array;
    uint64_t mapped = 0;
    uint64_t page = stretch->first;

    while (page <= stretch->last) {
        uint64_t left = stretch->last - page + 1;
        uint32_t n = left < DRIVER_BATCH ? (uint32_t)left : DRIVER_BATCH;
        uint32_t i;

        for (i = 0; i < n; i++, page++)
            ops[i] = (struct iommu_map_op){.bfn = page, .mfn = page, .flags = DRIVER_RW, .status = STATUS_UNTOUCHED};
        call(driver, IOMMUOP_map_page, 0, n);
        for (i = 0; i < n; i++) {
            enum action action = react(driver, WORK_MAP, ops[i].status);

            mapped += action == GO_ON;
            if (action == BOUNCE) page = stretch->last + 1; /* out of something: this call is the last one */
        }
    }
    return mapped;
}
/* doc:end premap_page */

/* doc:begin premap */
uint64_t driver_premap(struct driver *driver, uint64_t first, uint64_t last) {
    struct range stretch;
    uint64_t mapped = 0;

    while (driver_next_free(driver, first, last, &stretch)) {
        mapped += driver->caps.caps & IOMMU_CAP_ranges ? premap_by_range(driver, &stretch)
                                                       : premap_by_page(driver, &stretch);
        first = stretch.last + 1;
    }
    return mapped;
}
/* doc:end premap */

/* doc:begin flush */
bool driver_flush(struct driver *driver) {
    if (!(driver->caps.caps & IOMMU_CAP_defer)) return false;
    return react(driver, WORK_UNMAP, driver->call(IOMMUOP_CMD(IOMMUOP_flush, 0, driver->ctx_no), NULL, 0)) == GO_ON;
}
/* doc:end flush */

/* doc:begin unmap */
/* ops[0..n-1] have their bfns. The worst answer: KEEP if something is still mapped, else HOLD, else GO_ON. */
static enum action unmap_pages(struct driver *driver, unsigned int modifiers, uint32_t n) {
    struct iommu_map_op *ops = driver->array;
    enum action worst = GO_ON;
    uint32_t i;

    for (i = 0; i < n; i++) ops[i].status = STATUS_UNTOUCHED;
    call(driver, IOMMUOP_unmap_page, modifiers, n);
    for (i = 0; i < n; i++) {
        enum action action = react(driver, WORK_UNMAP, ops[i].status);

        if (action == HOLD && worst == GO_ON) worst = HOLD;
        if (action != GO_ON && action != HOLD) worst = KEEP;
    }
    return worst;
}
/* doc:end unmap */

static void set_bfns(struct driver *driver, uint64_t first_bfn, uint32_t n) {
    struct iommu_map_op *ops = driver->array;
    uint32_t i;

    for (i = 0; i < n; i++) ops[i] = (struct iommu_map_op){.bfn = first_bfn + i};
}

/* doc:begin dma */
static bool is_reusable(struct driver *driver, enum action removed) {
    return removed == GO_ON || (removed == HOLD && driver_flush(driver));
}

enum action driver_dma_map(struct driver *driver, const uint64_t *mfns, uint32_t n, uint64_t first_bfn) {
    struct iommu_map_op *ops = driver->array;
    enum action first_failure = GO_ON;
    uint32_t mapped = 0;
    uint32_t i;

    for (i = 0; i < n; i++)
        ops[i] = (struct iommu_map_op){
            .bfn = first_bfn + i, .mfn = mfns[i], .flags = DRIVER_RW, .status = STATUS_UNTOUCHED};
    call(driver, IOMMUOP_map_page, 0, n);
    for (i = 0; i < n; i++) {
        enum action action = react(driver, WORK_MAP, ops[i].status);

        if (action == GO_ON)
            ops[mapped++] = ops[i]; /* an unmap looks at the bfn only */
        else if (first_failure == GO_ON)
            first_failure = action;
    }
    if (mapped == n) return GO_ON;
    /* All or nothing. What cannot be taken back stays within the device's reach. */
    return is_reusable(driver, unmap_pages(driver, 0, mapped)) ? first_failure : KEEP;
}

bool driver_dma_unmap(struct driver *driver, uint64_t first_bfn, uint32_t n) {
    set_bfns(driver, first_bfn, n);
    return is_reusable(driver, unmap_pages(driver, 0, n));
}
/* doc:end dma */

/* doc:begin exchange */
static uint64_t exchange_in_one_call(struct driver *driver, const uint64_t *bfns, const uint64_t *mfns, uint32_t n) {
    struct iommu_mixed_op *ops = driver->array;
    uint64_t done = 0;
    uint32_t i;

    for (i = 0; i < n; i++) {
        ops[2 * i] = (struct iommu_mixed_op){.subop = IOMMUOP_unmap_page, .bfn = bfns[i], .status = STATUS_UNTOUCHED};
        ops[2 * i + 1] = (struct iommu_mixed_op){.subop = IOMMUOP_map_page, .flags = DRIVER_RW, .bfn = bfns[i],
                                                 .mfn = mfns[i], .status = STATUS_UNTOUCHED};
    }
    call(driver, IOMMUOP_mixed, 0, 2 * n);
    for (i = 0; i < n; i++) {
        /* A map behind an unmap that failed says nothing new. */
        if (react(driver, WORK_UNMAP, ops[2 * i].status) != GO_ON) continue;
        if (react(driver, WORK_MAP, ops[2 * i + 1].status) == GO_ON) done |= 1ULL << i;
    }
    return done;
}
/* doc:end exchange */

static uint64_t exchange_in_two_calls(struct driver *driver, const uint64_t *bfns, const uint64_t *mfns, uint32_t n) {
    struct iommu_map_op *ops = driver->array;
    uint64_t removed = 0;
    uint64_t done = 0;
    uint32_t i;

    for (i = 0; i < n; i++) ops[i] = (struct iommu_map_op){.bfn = bfns[i], .status = STATUS_UNTOUCHED};
    call(driver, IOMMUOP_unmap_page, 0, n);
    for (i = 0; i < n; i++) {
        if (react(driver, WORK_UNMAP, ops[i].status) == GO_ON) removed |= 1ULL << i;
        ops[i] = (struct iommu_map_op){
            .bfn = bfns[i], .mfn = mfns[i], .flags = DRIVER_RW, .status = STATUS_UNTOUCHED};
    }
    call(driver, IOMMUOP_map_page, 0, n);
    for (i = 0; i < n; i++)
        if (removed >> i & 1 && react(driver, WORK_MAP, ops[i].status) == GO_ON) done |= 1ULL << i;
    return done;
}

/* doc:begin exchange_fallback */
uint64_t driver_exchange(struct driver *driver, const uint64_t *bfns, const uint64_t *mfns, uint32_t n) {
    uint64_t done = 0;
    uint32_t i;

    if (driver->caps.caps & IOMMU_CAP_mixed) return exchange_in_one_call(driver, bfns, mfns, n);
    if (driver->caps.caps & IOMMU_CAP_cut) return exchange_in_two_calls(driver, bfns, mfns, n);
    /* Mapped by one call they may become one mapping, out of which no page can be exchanged any more. */
    for (i = 0; i < n; i++) done |= exchange_in_two_calls(driver, bfns + i, mfns + i, 1) << i;
    return done;
}
/* doc:end exchange_fallback */

/* doc:begin lazy */
bool driver_lazy_unmap(struct driver *driver, uint64_t first_bfn, uint32_t n) {
    if (!(driver->caps.caps & IOMMU_CAP_defer)) return driver_dma_unmap(driver, first_bfn, n);
    set_bfns(driver, first_bfn, n);
    return unmap_pages(driver, IOMMUOP_F_defer, n) == GO_ON;
}

enum action driver_dma_map_again(struct driver *driver, const uint64_t *mfns, uint32_t n, uint64_t first_bfn) {
    enum action action = driver_dma_map(driver, mfns, n, first_bfn);

    if (action != FLUSH_FIRST) return action;
    return driver_flush(driver) ? driver_dma_map(driver, mfns, n, first_bfn) : BOUNCE;
}
/* doc:end lazy */

/* doc:begin space */
enum action driver_new_space(const struct driver *driver, struct driver *space) {
    struct iommu_context_op *op = driver->array;
    enum action action;

    *space = *driver;
    if (!(driver->caps.caps & IOMMU_CAP_contexts)) return BOUNCE;
    *op = (struct iommu_context_op){.status = STATUS_UNTOUCHED};
    space->call(IOMMUOP_alloc_context, op, 1);
    action = react(space, WORK_SPACE, op->status);
    if (action == GO_ON) space->ctx_no = op->ctx_no;
    return action;
}

enum action driver_attach(struct driver *space, uint32_t endpoint) {
    struct iommu_attach_op *op = space->array;
    enum action action;

    *op = (struct iommu_attach_op){.endpoint = endpoint, .ctx_no = space->ctx_no, .status = STATUS_UNTOUCHED};
    space->call(IOMMUOP_attach_device, op, 1);
    action = react(space, WORK_SPACE, op->status);
    if (action == GO_ON) driver_learn_reserved(space);
    return action;
}

enum action driver_free_space(struct driver *space) {
    struct iommu_context_op *op = space->array;

    *op = (struct iommu_context_op){.ctx_no = space->ctx_no, .status = STATUS_UNTOUCHED};
    space->call(IOMMUOP_free_context, op, 1);
    return react(space, WORK_SPACE, op->status);
}
/* doc:end space */

static bool teardown_by_page(struct driver *driver, uint64_t first, uint64_t last) {
    bool reusable = true;

    while (first <= last) {
        uint64_t left = last - first + 1;
        uint32_t n = left < DRIVER_BATCH ? (uint32_t)left : DRIVER_BATCH;

        reusable &= driver_dma_unmap(driver, first, n);
        first += n;
    }
    return reusable;
}

/* doc:begin teardown */
static bool teardown_by_range(struct driver *driver, uint64_t first, uint64_t last) {
    struct iommu_range_op *op = driver->array;
    int tries;

    for (tries = 0; tries < TEARDOWN_TRIES && first <= last; tries++) {
        enum action action;

        *op = (struct iommu_range_op){.bfn = first, .nr_pages = last - first + 1, .status = STATUS_UNTOUCHED};
        call(driver, IOMMUOP_unmap_range, 0, 1);
        action = react(driver, WORK_UNMAP, op->status);
        if (action == GO_ON) return true; /* all gone, or nothing was there */
        first += op->nr_done;
        if (action != HOLD || !driver_flush(driver)) return false;
    }
    return first > last;
}
/* doc:end teardown */

bool driver_teardown(struct driver *driver, uint64_t first, uint64_t last) {
    if (last > driver->caps.max_bfn) last = driver->caps.max_bfn;
    if (first > last) return true;
    return driver->caps.caps & IOMMU_CAP_ranges ? teardown_by_range(driver, first, last)
                                                : teardown_by_page(driver, first, last);
}
