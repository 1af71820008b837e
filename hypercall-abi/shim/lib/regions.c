/* SPDX-License-Identifier: Apache-2.0 */
/* From pointers of this process to guest addresses. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "internal.h"

static uintptr_t first_byte(const struct region *region) {
    return (uintptr_t)region->mapping;
}

/* Cannot wrap: regions_check() has seen that the mapping ends inside the address space. */
static uintptr_t end(const struct region *region) {
    return first_byte(region) + region->nr_pages * FRAME_BYTES;
}

static const struct region *at_pointer(const struct regions *regions, uintptr_t pointer) {
    unsigned int i;

    for (i = 0; i < regions->count; i++) {
        const struct region *region = &regions->entries[i];

        if (region->mapping && pointer >= first_byte(region) && pointer < end(region)) return region;
    }
    return NULL;
}

static bool is_registered(const struct regions *regions, uint64_t mfn) {
    unsigned int i;

    for (i = 0; i < regions->count; i++) {
        const struct region *region = &regions->entries[i];

        if (mfn >= region->first_mfn && mfn - region->first_mfn < region->nr_pages) return true;
    }
    return false;
}

int regions_check(const struct regions *regions, const struct region *region) {
    uint64_t room = (UINTPTR_MAX - first_byte(region)) / FRAME_BYTES;
    unsigned int i;

    if (regions->count == PVIOMMU_MAX_REGIONS)
        return set_error(-ENOSPC, "regions=%u max=%u", regions->count, PVIOMMU_MAX_REGIONS);
    if (!region->mapping) return 0;
    if (region->nr_pages == 0 || region->nr_pages > room)
        return set_error(-EINVAL, "nr_pages=%llu does not fit into the process", (unsigned long long)region->nr_pages);
    for (i = 0; i < regions->count; i++) {
        const struct region *other = &regions->entries[i];

        if (other->mapping && first_byte(region) < end(other) && first_byte(other) < end(region))
            return set_error(-EINVAL, "mapping of first_mfn=0x%llx overlaps that of first_mfn=0x%llx",
                             (unsigned long long)region->first_mfn, (unsigned long long)other->first_mfn);
    }
    return 0;
}

int regions_add(struct regions *regions, const struct region *region) {
    int error = regions_check(regions, region);

    if (!error) regions->entries[regions->count++] = *region;
    return error;
}

struct region *regions_find(struct regions *regions, uint64_t first_mfn, uint64_t nr_pages) {
    unsigned int i;

    for (i = 0; i < regions->count; i++) {
        struct region *region = &regions->entries[i];

        if (region->first_mfn == first_mfn && region->nr_pages == nr_pages) return region;
    }
    return NULL;
}

void regions_remove(struct regions *regions, struct region *region) {
    *region = regions->entries[--regions->count];
}

int regions_translate(const struct regions *regions, const void *pointer, uint64_t bytes, uint64_t *address) {
    uintptr_t start = (uintptr_t)pointer;
    const struct region *region = at_pointer(regions, start);
    uint64_t covered;
    unsigned int i;

    if (!region) return set_error(-EFAULT, "pointer=%p is not in registered memory", pointer);
    *address = (region->first_mfn << IOMMU_PAGE_SHIFT) + (start - first_byte(region));
    covered = end(region) - start;
    /*
     * The service goes on with the next mfn where a region ends. That has to be the memory the caller goes on with,
     * or it would read and write memory that the caller did not mean. Each step leaves one region behind for good.
     */
    for (i = 0; covered < bytes && i < regions->count; i++) {
        uint64_t next_mfn = region->first_mfn + region->nr_pages;
        const struct region *next = at_pointer(regions, end(region));

        if (!is_registered(regions, next_mfn)) return 0; /* the service answers -EFAULT after the prefix */
        if (!next || next->first_mfn != next_mfn)
            return set_error(-EFAULT, "array at pointer=%p goes on elsewhere than mfn=0x%llx", pointer,
                             (unsigned long long)next_mfn);
        covered += next->nr_pages * FRAME_BYTES;
        region = next;
    }
    return 0;
}
