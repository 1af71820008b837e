/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hypercalls from user space by /dev/pv-iommu. Usage: iommu-op
 * Checks a mapping's life, and what has to be refused; exit 0 when all of it held.
 * Bus frames: above 4 GiB, where premap maps nothing in a small guest.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <xen/pv_iommu.h>

#include "pv_iommu_node.h"

#define BFN 0x140000ULL
#define MFN 0x1000ULL /* at 16 MiB: memory in each guest that boots */
#define PAGES 100

static int node;
static int failures;

static void check(const char *what, long long expected, long long actual) {
    if (expected != actual) {
        failures++;
        printf("%s: expected=%lld actual=%lld\n", what, expected, actual);
    }
}

/* The ioctl's error, negated, or 0 with the call's result in `result`. */
static int call(uint32_t cmd, void *array, uint32_t count, long long *result) {
    struct pv_iommu_node_call request = {cmd, count, (uintptr_t)array, 0};

    if (ioctl(node, PV_IOMMU_NODE_CALL, &request) != 0) return -errno;
    *result = request.result;
    return 0;
}

static void expect(const char *what, uint32_t cmd, void *array, uint32_t count, long long result) {
    long long actual = -1;

    check(what, 0, call(cmd, array, count, &actual));
    check(what, result, actual);
}

static void expect_statuses(const char *what, const struct iommu_map_op *ops, int32_t status) {
    for (int i = 0; i < PAGES; i++) check(what, status, ops[i].status);
}

static void life_of_mappings(void) {
    struct iommu_map_op ops[PAGES];

    for (int i = 0; i < PAGES; i++) {
        ops[i] = (struct iommu_map_op){BFN + i, MFN + i, IOMMU_MAP_OP_readable, 1};
    }
    expect("map", IOMMUOP_map_page, ops, PAGES, 0);
    expect_statuses("map", ops, IOMMU_STATUS_OK);
    expect("map again", IOMMUOP_map_page, ops, PAGES, 0);
    expect_statuses("map again", ops, IOMMU_STATUS_EADDRINUSE);
    for (int i = 0; i < PAGES; i++) ops[i].mfn = 0;
    expect("lookup", IOMMUOP_lookup_page, ops, PAGES, 0);
    for (int i = 0; i < PAGES; i++) check("looked up", (long long)(MFN + i), (long long)ops[i].mfn);
    expect("unmap", IOMMUOP_unmap_page, ops, PAGES, 0);
    expect_statuses("unmap", ops, IOMMU_STATUS_OK);
    expect("unmap again", IOMMUOP_unmap_page, ops, PAGES, 0);
    expect_statuses("unmap again", ops, IOMMU_STATUS_ENOENT);
}

static void refusals(void) {
    struct iommu_map_op outside = {BFN, 1ULL << 40, IOMMU_MAP_OP_readable, 1};
    long long result;

    expect("map of no memory", IOMMUOP_map_page, &outside, 1, 0);
    check("map of no memory", IOMMU_STATUS_ENXIO, outside.status);
    check("unknown sub-operation", -EINVAL, call(0xee, &outside, 1, &result));
    check("too many", -E2BIG, call(IOMMUOP_map_page, &outside, PV_IOMMU_NODE_MAX_COUNT + 1, &result));
    check("no array", -EFAULT, call(IOMMUOP_map_page, (void *)8, 1, &result));
    check("unknown ioctl", -1, ioctl(node, _IO(0xbf, 99)));
    expect("nothing to do", IOMMUOP_map_page, NULL, 0, 0);
    expect("no such address space", IOMMUOP_CMD(IOMMUOP_map_page, 0, 0xfff), &outside, 1, IOMMU_STATUS_ENOENT);
}

int main(void) {
    struct iommu_caps caps;

    node = open("/dev/pv-iommu", O_RDWR);
    if (node < 0) {
        perror("/dev/pv-iommu");
        return 1;
    }
    memset(&caps, 0, sizeof(caps));
    expect("query_caps", IOMMUOP_query_caps, &caps, 1, 0);
    check("abi_version", IOMMU_ABI_VERSION, caps.abi_version);
    life_of_mappings();
    refusals();
    return failures != 0;
}
