/* SPDX-License-Identifier: Apache-2.0 */
/* What a Dom0 does: map its memory, exchange frames, unmap. */
#include <string.h>

#include "guest.h"

static void check_statuses(struct guest *guest, struct phase *phase, unsigned int cmd, uint32_t count) {
    uint32_t i;

    for (i = 0; i < count; i++) {
        struct iommu_map_op op = guest->ops[i];

        if (op.status != guest->expected[i])
            phase_failure(phase, "cmd=0x%x element=%u bfn=0x%llx mfn=0x%llx flags=0x%x: status=%s expected=%s", cmd, i,
                          (unsigned long long)op.bfn, (unsigned long long)op.mfn, op.flags, status_name(op.status),
                          status_name(guest->expected[i]));
    }
}

void run_batch(struct guest *guest, struct phase *phase, unsigned int cmd, uint32_t count) {
    uint64_t start;
    uint64_t spent;
    long result;

    if (guest->lost || count == 0) return;
    start = now_ns();
    result = guest_call(guest, cmd, count);
    spent = now_ns() - start;
    histogram_add(&phase->histogram, spent);
    phase->call_ns += spent;
    phase->calls++;
    phase->operations += count;
    if (result != 0)
        phase_failure(phase, "cmd=0x%x count=%u returned %ld (%s)", cmd, count, result, status_name(result));
    if (!guest->lost) check_statuses(guest, phase, cmd, count);
}

uint64_t phase_map(struct guest *guest) {
    uint32_t batch = guest->options->batch;
    struct phase phase;
    uint32_t filled = 0;
    uint64_t i;

    phase_begin(&phase, "map", batch);
    for (i = 0; i < guest->nr_pages && !guest->lost; i++) {
        uint64_t page = guest->first_mfn + i;

        if (range_has(&guest->options->left_out, page)) continue;
        guest_set_op(guest, filled++, page, page, guest_map_flags(guest, page), guest_map_status(guest, page));
        if (filled == batch) {
            run_batch(guest, &phase, IOMMUOP_map_page, filled);
            filled = 0;
        }
    }
    run_batch(guest, &phase, IOMMUOP_map_page, filled);
    phase_report(guest, &phase);
    return phase.failed;
}

uint64_t phase_unmap(struct guest *guest) {
    uint32_t batch = guest->options->batch;
    struct phase phase;
    uint32_t filled = 0;
    uint64_t i;

    phase_begin(&phase, "unmap", batch);
    for (i = 0; i < guest->nr_pages && !guest->lost; i++) {
        uint64_t page = guest->first_mfn + i;

        if (!guest_is_mapped(guest, page)) continue;
        guest_set_op(guest, filled++, page, 0, 0, IOMMU_STATUS_OK);
        if (filled == batch) {
            run_batch(guest, &phase, IOMMUOP_unmap_page, filled);
            filled = 0;
        }
    }
    run_batch(guest, &phase, IOMMUOP_unmap_page, filled);
    phase_report(guest, &phase);
    return phase.failed;
}

/* Pages whose frames may be exchanged: those that are mapped for reading and writing. */
static bool is_exchangeable(const struct guest *guest, uint64_t page) {
    return guest_is_mapped(guest, page) && !range_has(&guest->options->read_only, page);
}

/*
 * The next pages of a walk round the memory: bfns[0..n-1], all different. Looks at each page at most once, so that a
 * memory with few such pages ends the search.
 */
static uint32_t collect_pages(const struct guest *guest, uint64_t *cursor, uint64_t *bfns) {
    uint32_t n = 0;
    uint64_t looked;

    for (looked = 0; looked < guest->nr_pages && n < guest->options->batch; looked++) {
        uint64_t page = guest->first_mfn + *cursor;

        *cursor = (*cursor + 1) % guest->nr_pages;
        if (is_exchangeable(guest, page)) bfns[n++] = page;
    }
    return n;
}

static void unmap_pages(struct guest *guest, struct phase *phase, const uint64_t *bfns, uint32_t n) {
    uint32_t i;

    for (i = 0; i < n; i++) guest_set_op(guest, i, bfns[i], 0, 0, IOMMU_STATUS_OK);
    run_batch(guest, phase, IOMMUOP_unmap_page, n);
}

/* Page i gets the frame of page i + shift; 0 restores 1:1. */
static void map_pages(struct guest *guest, struct phase *phase, const uint64_t *bfns, uint32_t n, uint32_t shift) {
    uint32_t flags = IOMMU_MAP_OP_readable | IOMMU_MAP_OP_writeable;
    uint32_t i;

    for (i = 0; i < n; i++) guest_set_op(guest, i, bfns[i], bfns[(i + shift) % n], flags, IOMMU_STATUS_OK);
    run_batch(guest, phase, IOMMUOP_map_page, n);
}

uint64_t phase_load(struct guest *guest) {
    uint64_t *bfns = guest->bfns;
    struct phase phase;
    uint64_t cursor = 0;

    phase_begin(&phase, "load", guest->options->batch);
    while (phase.operations < guest->options->load_operations && !guest->lost) {
        uint32_t n = collect_pages(guest, &cursor, bfns);

        if (n == 0) {
            phase_failure(&phase, "no page is mapped for reading and writing");
            break;
        }
        unmap_pages(guest, &phase, bfns, n);
        map_pages(guest, &phase, bfns, n, 1);
        unmap_pages(guest, &phase, bfns, n);
        map_pages(guest, &phase, bfns, n, 0);
    }
    phase_report(guest, &phase);
    return phase.failed;
}

uint64_t phase_fill(struct guest *guest) {
    struct phase phase;
    uint64_t mfn;

    phase_begin(&phase, "fill", 0);
    for (mfn = guest->first_mfn; mfn < guest->scratch_mfn; mfn++) {
        pattern_fill(guest_page(guest, mfn), mfn, guest->options->pattern);
        phase.operations++;
    }
    phase_report(guest, &phase);
    return 0;
}

uint64_t phase_check(struct guest *guest) {
    const struct range *range = &guest->options->check_page;
    struct phase phase;
    uint64_t mfn = range->first;

    phase_begin(&phase, "check", 0);
    for (;; mfn++) {
        if (!guest_is_own(guest, mfn) || mfn >= guest->scratch_mfn) {
            phase_failure(&phase, "mfn=0x%llx is not a filled page", (unsigned long long)mfn);
            break;
        }
        size_t offset = pattern_check(guest_page(guest, mfn), mfn, guest->options->pattern);

        phase.operations++;
        if (offset < PAGE_BYTES)
            phase_failure(&phase, "mfn=0x%llx differs from the pattern at offset=0x%zx", (unsigned long long)mfn,
                          offset);
        if (mfn == range->last) break;
    }
    phase_report(guest, &phase);
    return phase.failed;
}
