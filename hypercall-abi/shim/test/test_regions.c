/* SPDX-License-Identifier: Apache-2.0 */
/* Pointers to guest addresses. The mappings are only numbers here: nothing is dereferenced. */
#define _GNU_SOURCE
#include <errno.h>

#include "check.h"
#include "internal.h"

#define AT(address) ((unsigned char *)(uintptr_t)(address))

static int add(struct regions *regions, uintptr_t mapping, uint64_t first_mfn, uint64_t nr_pages) {
    struct region region = {.mapping = AT(mapping), .first_mfn = first_mfn, .nr_pages = nr_pages};

    return regions_add(regions, &region);
}

static uint64_t translated(const struct regions *regions, uintptr_t pointer, uint64_t bytes) {
    uint64_t address = 0;

    CHECK_NUMBER(regions_translate(regions, AT(pointer), bytes, &address), 0);
    return address;
}

static int refused(const struct regions *regions, uintptr_t pointer, uint64_t bytes) {
    uint64_t address;

    return regions_translate(regions, AT(pointer), bytes, &address);
}

static void should_translate_inside_a_region(void) {
    struct regions regions = {.count = 0};

    CHECK_NUMBER(add(&regions, 0x100000, 0x50, 4), 0);
    CHECK_NUMBER(translated(&regions, 0x100000, 24), 0x50000);
    CHECK_NUMBER(translated(&regions, 0x103fe8, 24), 0x53fe8);
    CHECK_NUMBER(refused(&regions, 0x104000, 1), -EFAULT);
    CHECK_NUMBER(refused(&regions, 0x0fffff, 1), -EFAULT);
    CHECK_NUMBER(refused(&regions, 0, 0), -EFAULT);
}

static void should_leave_an_array_that_runs_into_nothing_to_the_service(void) {
    struct regions regions = {.count = 0};

    CHECK_NUMBER(add(&regions, 0x100000, 0x50, 4), 0);
    CHECK_NUMBER(translated(&regions, 0x103ff0, UINT64_MAX), 0x53ff0);
}

static void should_follow_regions_that_continue_each_other(void) {
    struct regions regions = {.count = 0};

    CHECK_NUMBER(add(&regions, 0x104000, 0x54, 4), 0);
    CHECK_NUMBER(add(&regions, 0x100000, 0x50, 4), 0);
    CHECK_NUMBER(translated(&regions, 0x103ff0, 0x4010), 0x53ff0);
    CHECK_NUMBER(translated(&regions, 0x103ff0, 0x4011), 0x53ff0);
}

/* The next mfn is the guest's, but is not what follows in the process: the service would use the wrong memory. */
static void should_refuse_an_array_that_goes_on_elsewhere(void) {
    struct regions regions = {.count = 0};

    CHECK_NUMBER(add(&regions, 0x100000, 0x50, 4), 0);
    CHECK_NUMBER(add(&regions, 0x200000, 0x54, 4), 0);
    CHECK_NUMBER(translated(&regions, 0x103ff0, 0x10), 0x53ff0);
    CHECK_NUMBER(refused(&regions, 0x103ff0, 0x11), -EFAULT);
    CHECK_NUMBER(add(&regions, 0x104000, 0x90, 4), 0);
    CHECK_NUMBER(refused(&regions, 0x103ff0, 0x11), -EFAULT);
    CHECK_NUMBER(translated(&regions, 0x203ff0, 0x11), 0x57ff0);
}

static void should_not_translate_into_regions_without_a_mapping(void) {
    struct regions regions = {.count = 0};

    CHECK_NUMBER(add(&regions, 0, 0x54, 4), 0);
    CHECK_NUMBER(add(&regions, 0, 0x64, 4), 0);
    CHECK_NUMBER(add(&regions, 0x100000, 0x50, 4), 0);
    CHECK_NUMBER(refused(&regions, 0x100, 8), -EFAULT);
    CHECK_NUMBER(refused(&regions, 0x103ff0, 0x11), -EFAULT);
}

static void should_refuse_overlap_and_excess(void) {
    struct regions regions = {.count = 0};
    unsigned int i;

    CHECK_NUMBER(add(&regions, 0x100000, 0x50, 4), 0);
    CHECK_NUMBER(add(&regions, 0x103000, 0x90, 4), -EINVAL);
    CHECK_NUMBER(add(&regions, 0x0fd000, 0x90, 4), -EINVAL);
    CHECK_NUMBER(add(&regions, UINTPTR_MAX - 0xfff, 0x90, 2), -EINVAL);
    CHECK_NUMBER(add(&regions, 0x200000, 0x90, UINT64_MAX), -EINVAL);
    CHECK_NUMBER(add(&regions, 0x200000, 0x90, 0), -EINVAL);
    CHECK_NUMBER(regions.count, 1);
    for (i = 1; i < PVIOMMU_MAX_REGIONS; i++) CHECK_NUMBER(add(&regions, 0, 0x1000 + i, 1), 0);
    CHECK_NUMBER(add(&regions, 0, 0x9000, 1), -ENOSPC);
}

static void should_forget_a_removed_region(void) {
    struct regions regions = {.count = 0};

    CHECK_NUMBER(add(&regions, 0x100000, 0x50, 4), 0);
    CHECK_NUMBER(add(&regions, 0x200000, 0x60, 4), 0);
    CHECK(!regions_find(&regions, 0x50, 3));
    CHECK_NUMBER(regions.count, 2);
    regions_remove(&regions, regions_find(&regions, 0x50, 4));
    CHECK_NUMBER(refused(&regions, 0x100000, 8), -EFAULT);
    CHECK_NUMBER(translated(&regions, 0x200008, 8), 0x60008);
}

int main(void) {
    RUN(should_translate_inside_a_region);
    RUN(should_leave_an_array_that_runs_into_nothing_to_the_service);
    RUN(should_follow_regions_that_continue_each_other);
    RUN(should_refuse_an_array_that_goes_on_elsewhere);
    RUN(should_not_translate_into_regions_without_a_mapping);
    RUN(should_refuse_overlap_and_excess);
    RUN(should_forget_a_removed_region);
    return 0;
}
