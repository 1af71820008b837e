/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operations and calls that must fail, each with its one right answer.
 *
 * All of it happens around one page of the guest, the victim, that the 1:1 map
 * has mapped; at the end it is mapped 1:1 again.
 */
#include <string.h>

#include "guest.h"

#define RW (IOMMU_MAP_OP_readable | IOMMU_MAP_OP_writeable)
#define RESERVED_FLAG 0x4U
#define GARBAGE 0xdeadbeefcafef00dULL

struct bad_batch {
    struct guest *guest;
    struct phase phase;
    uint64_t victim;
    uint64_t neighbour; /* another page that stays mapped 1:1 */
    uint32_t n;         /* operations collected */
};

static void add(struct bad_batch *bad, uint64_t bfn, uint64_t mfn, uint32_t flags, int32_t expected) {
    guest_set_op(bad->guest, bad->n++, bfn, mfn, flags, expected);
}

static void run(struct bad_batch *bad, unsigned int cmd) {
    run_batch(bad->guest, &bad->phase, cmd, bad->n);
    bad->n = 0;
}

/* A call on the collected operations that must return `expected`. */
static void expect_call(struct bad_batch *bad, const char *what, unsigned int cmd, uint64_t address, unsigned int count,
                        long expected) {
    long result;

    if (bad->guest->lost) return;
    result = guest_call_at(bad->guest, cmd, address, count);
    bad->phase.calls++;
    if (result != expected)
        phase_failure(&bad->phase, "%s: returned %ld (%s) expected %ld (%s)", what, result, status_name(result),
                      expected, status_name(expected));
}

/* After a refused call nothing of the array may have been touched. */
static void expect_untouched(struct bad_batch *bad, const char *what) {
    int32_t status = bad->guest->ops[0].status;

    if (status != STATUS_UNTOUCHED && !bad->guest->lost)
        phase_failure(&bad->phase, "%s: status of element 0 is %d, but the call was refused", what, status);
}

static bool find_pages(struct bad_batch *bad) {
    const struct guest *guest = bad->guest;
    uint64_t mfn;
    int found = 0;

    for (mfn = guest->first_mfn; mfn < guest->scratch_mfn && found < 2; mfn++) {
        if (!guest_is_mapped(guest, mfn) || range_has(&guest->options->read_only, mfn)) continue;
        *(found++ == 0 ? &bad->victim : &bad->neighbour) = mfn;
    }
    if (found < 2) phase_failure(&bad->phase, "there are not two pages mapped for reading and writing");
    return found == 2;
}

static void bad_flags(struct bad_batch *bad) {
    add(bad, bad->victim, bad->victim, RW | RESERVED_FLAG, IOMMU_STATUS_EINVAL);
    add(bad, bad->victim, bad->victim, RW | 0x80000000U, IOMMU_STATUS_EINVAL);
    add(bad, bad->victim, bad->victim, IOMMU_MAP_OP_writeable, IOMMU_STATUS_EINVAL);
    add(bad, bad->victim, bad->victim, 0, IOMMU_STATUS_EINVAL);
}

static void bad_frames(struct bad_batch *bad) {
    const struct guest *guest = bad->guest;

    add(bad, bad->victim, guest->last_mfn + 1, RW, IOMMU_STATUS_ENXIO);
    add(bad, bad->victim, UINT64_MAX, RW, IOMMU_STATUS_ENXIO);
    /* As a byte address this wraps to the victim itself. */
    add(bad, bad->victim, bad->victim | 1ULL << 52, RW, IOMMU_STATUS_ENXIO);
    if (guest->options->reserved_mfn.set)
        add(bad, bad->victim, guest->options->reserved_mfn.first, RW, IOMMU_STATUS_EPERM);
}

static void bad_bfns(struct bad_batch *bad) {
    const struct guest *guest = bad->guest;

    if (guest->caps.max_bfn != UINT64_MAX) {
        add(bad, guest->caps.max_bfn + 1, bad->victim, RW, IOMMU_STATUS_ERANGE);
        add(bad, UINT64_MAX, bad->victim, RW, IOMMU_STATUS_ERANGE);
        /* Several errors: flags come before the aperture, the aperture before the frame. */
        add(bad, UINT64_MAX, UINT64_MAX, 0, IOMMU_STATUS_EINVAL);
        add(bad, UINT64_MAX, UINT64_MAX, RW, IOMMU_STATUS_ERANGE);
    }
    if (guest->options->reserved_bfn.set)
        add(bad, guest->options->reserved_bfn.first, bad->victim, RW, IOMMU_STATUS_EADDRNOTAVAIL);
}

/* Bad and good operations in one array: each gets its own answer, and the bad ones change nothing. */
static void maps(struct bad_batch *bad) {
    add(bad, bad->victim, 0, 0, IOMMU_STATUS_OK);
    run(bad, IOMMUOP_unmap_page);

    bad_flags(bad);
    bad_frames(bad);
    bad_bfns(bad);
    add(bad, bad->victim, bad->victim, RW, IOMMU_STATUS_OK);
    add(bad, bad->victim, bad->victim, RW, IOMMU_STATUS_EADDRINUSE);
    add(bad, bad->victim, bad->neighbour, RW, IOMMU_STATUS_EADDRINUSE);
    add(bad, bad->victim, UINT64_MAX, RW, IOMMU_STATUS_ENXIO); /* the frame comes before occupancy */
    run(bad, IOMMUOP_map_page);
}

/* mfn and flags of an unmap are not looked at, and not written. */
static void unmaps(struct bad_batch *bad) {
    const struct guest *guest = bad->guest;
    struct iommu_map_op first;

    add(bad, bad->victim, GARBAGE, 0xffffffffU, IOMMU_STATUS_OK);
    add(bad, bad->victim, GARBAGE, 0xffffffffU, IOMMU_STATUS_ENOENT);
    if (guest->caps.max_bfn != UINT64_MAX)
        add(bad, guest->caps.max_bfn + 1, GARBAGE, 0xffffffffU, IOMMU_STATUS_ERANGE);
    if (guest->options->reserved_bfn.set)
        add(bad, guest->options->reserved_bfn.first, 0, 0, IOMMU_STATUS_ENOENT);
    run(bad, IOMMUOP_unmap_page);
    first = guest->ops[0];
    if (!guest->lost && (first.bfn != bad->victim || first.mfn != GARBAGE || first.flags != 0xffffffffU))
        phase_failure(&bad->phase, "unmap changed its input: bfn=0x%llx mfn=0x%llx flags=0x%x",
                      (unsigned long long)first.bfn, (unsigned long long)first.mfn, first.flags);
}

static void check_lookup_output(struct bad_batch *bad) {
    struct iommu_map_op hit = bad->guest->ops[0];
    struct iommu_map_op miss = bad->guest->ops[1];

    if (bad->guest->lost) return;
    if (hit.mfn != bad->neighbour || hit.flags != RW)
        phase_failure(&bad->phase, "lookup of bfn=0x%llx: mfn=0x%llx flags=0x%x", (unsigned long long)hit.bfn,
                      (unsigned long long)hit.mfn, hit.flags);
    if (miss.mfn != GARBAGE || miss.flags != 0xffffffffU)
        phase_failure(&bad->phase, "lookup without a result wrote mfn=0x%llx flags=0x%x", (unsigned long long)miss.mfn,
                      miss.flags);
}

/* The victim is not mapped at this point. */
static void lookups(struct bad_batch *bad) {
    const struct guest *guest = bad->guest;

    add(bad, bad->neighbour, GARBAGE, 0xffffffffU, IOMMU_STATUS_OK);
    add(bad, bad->victim, GARBAGE, 0xffffffffU, IOMMU_STATUS_ENOENT);
    if (!(guest->caps.caps & IOMMU_CAP_lookup)) {
        expect_call(bad, "lookup, not offered", IOMMUOP_lookup_page, guest->ops_address, bad->n,
                    IOMMU_STATUS_EOPNOTSUPP);
        bad->n = 0;
        return;
    }
    if (guest->caps.max_bfn != UINT64_MAX) add(bad, guest->caps.max_bfn + 1, 0, 0, IOMMU_STATUS_ERANGE);
    run(bad, IOMMUOP_lookup_page);
    check_lookup_output(bad);
}

/*
 * One map of the victim, in calls that are refused as a whole. Where several errors apply the first of this order is
 * reported: sub-operation, modifiers, address space, arguments.
 */
static void refused_calls(struct bad_batch *bad) {
    const struct guest *guest = bad->guest;
    uint64_t address = guest->ops_address;
    uint32_t modifier = IOMMUOP_CMD(IOMMUOP_map_page, 0x8000, 0);
    uint32_t context = IOMMUOP_CMD(IOMMUOP_map_page, 0, 0xffff);

    add(bad, bad->victim, bad->victim, RW, STATUS_UNTOUCHED);
    bad->n = 0;
    expect_call(bad, "sub-operation 0", 0, address, 1, IOMMU_STATUS_EOPNOTSUPP);
    expect_call(bad, "sub-operation 200", 200, address, 1, IOMMU_STATUS_EOPNOTSUPP);
    expect_call(bad, "unknown modifier", modifier, address, 1, IOMMU_STATUS_EINVAL);
    expect_call(bad, "unknown address space", context, address, 1, IOMMU_STATUS_ENOENT);
    expect_call(bad, "misaligned array", IOMMUOP_map_page, address + 4, 1, IOMMU_STATUS_EINVAL);
    expect_call(bad, "count above 2^31 - 1", IOMMUOP_map_page, address, 0x80000000U, IOMMU_STATUS_EINVAL);
    expect_call(bad, "count 2^32 - 1", IOMMUOP_map_page, address, 0xffffffffU, IOMMU_STATUS_EINVAL);
    expect_call(bad, "array that wraps", IOMMUOP_map_page, UINT64_MAX - 7, 1, IOMMU_STATUS_EINVAL);
    expect_call(bad, "array without memory", IOMMUOP_map_page, (guest->last_mfn + 1) << IOMMU_PAGE_SHIFT, 1,
                IOMMU_STATUS_EFAULT);
    expect_call(bad, "sub-operation before modifier", 200 | 0x8000, address + 4, 1, IOMMU_STATUS_EOPNOTSUPP);
    expect_call(bad, "modifier before address space", modifier | context, address, 1, IOMMU_STATUS_EINVAL);
    expect_call(bad, "address space before arguments", context, address + 4, 1, IOMMU_STATUS_ENOENT);
    expect_call(bad, "count 0", IOMMUOP_map_page, address, 0, IOMMU_STATUS_OK);
    expect_untouched(bad, "refused calls");
}

/* Two elements are inside memory, the third begins right behind its end. The two are done, and done for good. */
static void array_over_the_end(struct bad_batch *bad) {
    struct guest *guest = bad->guest;
    uint64_t end = (guest->last_mfn + 1) << IOMMU_PAGE_SHIFT;
    struct iommu_map_op *ops =
        (struct iommu_map_op *)(guest_page(guest, guest->last_mfn) + PAGE_BYTES - 2 * sizeof(struct iommu_map_op));
    struct iommu_map_op map = {.bfn = bad->victim, .mfn = bad->victim, .flags = RW, .status = STATUS_UNTOUCHED};
    int32_t first;
    int32_t second;

    ops[0] = map;
    ops[1] = map;
    expect_call(bad, "array over the end of memory", IOMMUOP_map_page, end - 2 * sizeof map, 5, IOMMU_STATUS_EFAULT);
    first = ops[0].status;
    second = ops[1].status;
    bad->phase.operations += 2;
    if (!guest->lost && (first != IOMMU_STATUS_OK || second != IOMMU_STATUS_EADDRINUSE))
        phase_failure(&bad->phase, "array over the end of memory: statuses %s, %s expected OK, EADDRINUSE",
                      status_name(first), status_name(second));
    /* The mapping made by the prefix is really there. */
    add(bad, bad->victim, bad->victim, RW, IOMMU_STATUS_EADDRINUSE);
    run(bad, IOMMUOP_map_page);
}

uint64_t phase_bad_batch(struct guest *guest) {
    struct bad_batch bad = {.guest = guest};

    phase_begin(&bad.phase, "bad-batch", 0);
    if (find_pages(&bad)) {
        maps(&bad);
        unmaps(&bad);
        lookups(&bad);
        refused_calls(&bad);
        array_over_the_end(&bad);
    }
    phase_report(guest, &bad.phase);
    return bad.phase.failed;
}
