/* SPDX-License-Identifier: Apache-2.0 */
/* The patterns of dom0-guest against a service of this file that answers as the test says: what no healthy one does. */
#define _GNU_SOURCE
#include "check.h"
#include "driver.h"

#define SCRIPT 64

/* Answers to the elements of all calls in turn; beyond the script: OK. */
static struct {
    int32_t statuses[SCRIPT];
    uint32_t nr_statuses;
    uint32_t used;
    long flush_result;
    uint32_t flushes;
    uint32_t calls;
    uint32_t nr_unmapped; /* elements that an unmap_page was asked for */
    uint64_t nr_done;     /* for ranges */
} service;

static uint64_t array[DRIVER_BATCH * 40 / 8];
static struct driver driver;

static int32_t next_status(void) {
    return service.used < service.nr_statuses ? service.statuses[service.used++] : IOMMU_STATUS_OK;
}

static long answer(unsigned int cmd, void *arg, unsigned int count) {
    uint32_t i;

    service.calls++;
    switch (IOMMUOP_CMD_SUBOP(cmd)) {
    case IOMMUOP_flush:
        service.flushes++;
        return service.flush_result;
    case IOMMUOP_unmap_page:
        service.nr_unmapped += count; /* fall through */
    case IOMMUOP_map_page:
        for (i = 0; i < count; i++) ((struct iommu_map_op *)arg)[i].status = next_status();
        return 0;
    case IOMMUOP_mixed:
        for (i = 0; i < count; i++) ((struct iommu_mixed_op *)arg)[i].status = next_status();
        return 0;
    case IOMMUOP_map_range:
    case IOMMUOP_unmap_range: {
        struct iommu_range_op *op = arg;

        op->status = next_status();
        op->nr_done = op->status == IOMMU_STATUS_OK ? op->nr_pages : service.nr_done;
        return 0;
    }
    default:
        return IOMMU_STATUS_EOPNOTSUPP;
    }
}

static long not_reached(unsigned int cmd, void *arg, unsigned int count) {
    (void)cmd, (void)arg, (void)count;
    return IOMMU_STATUS_EPERM;
}

static void script(uint32_t n, const int32_t *statuses) {
    memset(&service, 0, sizeof service);
    memcpy(service.statuses, statuses, n * sizeof *statuses);
    service.nr_statuses = n;
    memset(&driver, 0, sizeof driver);
    driver.call = answer;
    driver.array = array;
    driver.caps.caps = 0x3f;
    driver.caps.max_bfn = 0xfffff;
}

static void should_know_what_to_do_on_every_status(void) {
    long status;

    CHECK_NUMBER(handle_status(WORK_UNMAP, IOMMU_STATUS_ENOENT), GO_ON);
    CHECK_NUMBER(handle_status(WORK_MAP, IOMMU_STATUS_EADDRINUSE), FLUSH_FIRST);
    CHECK_NUMBER(handle_status(WORK_UNMAP, IOMMU_STATUS_EIO), HOLD);
    for (status = -200; status <= 200; status++) {
        /* Nothing but a success is taken for one, and an unmap that finds nothing. */
        CHECK((handle_status(WORK_MAP, status) == GO_ON) == (status == 0));
        CHECK((handle_status(WORK_SPACE, status) == GO_ON) == (status == 0));
        CHECK((handle_status(WORK_UNMAP, status) == GO_ON) == (status == 0 || status == IOMMU_STATUS_ENOENT));
    }
    CHECK_NUMBER(handle_status(WORK_UNMAP, STATUS_UNTOUCHED), KEEP);
    CHECK_NUMBER(handle_status(WORK_MAP, STATUS_UNTOUCHED), BOUNCE);
}

static void should_find_what_is_not_reserved(void) {
    struct range stretch;

    script(0, (int32_t[]){0});
    driver.caps.max_bfn = 99;
    driver.nr_reserved = 3;
    driver.reserved[0] = (struct iommu_reserved_range){.first_bfn = 0, .last_bfn = 9};
    driver.reserved[1] = (struct iommu_reserved_range){.first_bfn = 20, .last_bfn = 29};
    driver.reserved[2] = (struct iommu_reserved_range){.first_bfn = 90, .last_bfn = UINT64_MAX};
    CHECK(driver_next_free(&driver, 0, UINT64_MAX, &stretch) && stretch.first == 10 && stretch.last == 19);
    CHECK(driver_next_free(&driver, 20, 50, &stretch) && stretch.first == 30 && stretch.last == 50);
    CHECK(driver_next_free(&driver, 30, UINT64_MAX, &stretch) && stretch.first == 30 && stretch.last == 89);
    CHECK(!driver_next_free(&driver, 20, 29, &stretch));
    CHECK(!driver_next_free(&driver, 90, UINT64_MAX, &stretch));
    driver.nr_reserved = 2;
    CHECK(driver_next_free(&driver, 95, UINT64_MAX, &stretch) && stretch.last == 99);
    CHECK(!driver_next_free(&driver, 100, UINT64_MAX, &stretch));
}

static void should_have_no_iommu_when_the_call_is_refused(void) {
    script(0, (int32_t[]){0});
    driver.call = not_reached;
    CHECK(!driver_discover(&driver));
}

static void should_take_back_a_list_of_which_one_page_is_refused(void) {
    uint64_t mfns[3] = {1, 2, 3};

    script(3, (int32_t[]){0, IOMMU_STATUS_ENOSPC, 0});
    CHECK_NUMBER(driver_dma_map(&driver, mfns, 3, 10), BOUNCE);
    CHECK_NUMBER(service.nr_unmapped, 2);
    CHECK_NUMBER(((struct iommu_map_op *)driver.array)[1].bfn, 12);
    script(4, (int32_t[]){0, IOMMU_STATUS_ENOSPC, 0, IOMMU_STATUS_EBUSY});
    CHECK_NUMBER(driver_dma_map(&driver, mfns, 3, 10), KEEP);
}

static void should_keep_memory_until_a_flush_succeeds(void) {
    script(2, (int32_t[]){0, IOMMU_STATUS_EIO});
    service.flush_result = IOMMU_STATUS_EIO;
    CHECK(!driver_dma_unmap(&driver, 10, 2));
    CHECK_NUMBER(service.flushes, 1);
    script(2, (int32_t[]){0, IOMMU_STATUS_EIO});
    CHECK(driver_dma_unmap(&driver, 10, 2));
    /* What is still mapped is not freed by any flush. */
    script(2, (int32_t[]){IOMMU_STATUS_EBUSY, IOMMU_STATUS_EIO});
    CHECK(!driver_dma_unmap(&driver, 10, 2));
    driver.call = not_reached;
    CHECK(!driver_dma_unmap(&driver, 10, 2));
}

static void should_flush_for_an_owed_bfn_once(void) {
    uint64_t mfn = 1;

    script(1, (int32_t[]){IOMMU_STATUS_EADDRINUSE});
    CHECK_NUMBER(driver_dma_map_again(&driver, &mfn, 1, 10), GO_ON);
    CHECK_NUMBER(service.flushes, 1);
    script(2, (int32_t[]){IOMMU_STATUS_EADDRINUSE, IOMMU_STATUS_EADDRINUSE});
    CHECK_NUMBER(driver_dma_map_again(&driver, &mfn, 1, 10), FLUSH_FIRST);
    CHECK_NUMBER(service.flushes, 1);
    script(1, (int32_t[]){IOMMU_STATUS_EADDRINUSE});
    service.flush_result = IOMMU_STATUS_EIO;
    CHECK_NUMBER(driver_dma_map_again(&driver, &mfn, 1, 10), BOUNCE);
}

static void should_say_which_frames_were_exchanged(void) {
    uint64_t bfns[3] = {1, 2, 3};

    script(6, (int32_t[]){0, 0, IOMMU_STATUS_EBUSY, IOMMU_STATUS_EADDRINUSE, 0, IOMMU_STATUS_EPERM});
    CHECK_NUMBER(driver_exchange(&driver, bfns, bfns, 3), 1);
    CHECK_NUMBER(driver.reports, 0);
    script(2, (int32_t[]){IOMMU_STATUS_EIO, 0}); /* flushed or not, the old frame is not free */
    driver.caps.caps &= ~(uint32_t)(IOMMU_CAP_mixed | IOMMU_CAP_cut);
    CHECK_NUMBER(driver_exchange(&driver, bfns, bfns, 3), 6);
    CHECK_NUMBER(service.calls, 6);
}

static void should_pass_over_a_refused_page_and_stop_at_a_quota(void) {
    script(2, (int32_t[]){IOMMU_STATUS_EPERM, 0});
    service.nr_done = 3;
    CHECK_NUMBER(driver_premap(&driver, 0, 9), 9);
    script(1, (int32_t[]){IOMMU_STATUS_ENOSPC});
    service.nr_done = 3;
    CHECK_NUMBER(driver_premap(&driver, 0, 9), 3);
    CHECK_NUMBER(service.calls, 1);
    script(2, (int32_t[]){0, IOMMU_STATUS_ENOSPC});
    driver.caps.caps &= ~(uint32_t)IOMMU_CAP_ranges;
    driver_premap(&driver, 0, 1000);
    CHECK_NUMBER(service.calls, 1);
}

static void should_end_a_teardown_whose_flush_fails(void) {
    script(3, (int32_t[]){IOMMU_STATUS_EIO, IOMMU_STATUS_EIO, IOMMU_STATUS_EIO});
    CHECK(!driver_teardown(&driver, 0, 9));
    CHECK_NUMBER(service.flushes, 3);
    script(1, (int32_t[]){IOMMU_STATUS_EIO});
    CHECK(driver_teardown(&driver, 0, 9));
    script(1, (int32_t[]){IOMMU_STATUS_EBUSY});
    CHECK(!driver_teardown(&driver, 0, 9));
    CHECK_NUMBER(service.flushes, 0);
}

int main(void) {
    RUN(should_know_what_to_do_on_every_status);
    RUN(should_find_what_is_not_reserved);
    RUN(should_have_no_iommu_when_the_call_is_refused);
    RUN(should_take_back_a_list_of_which_one_page_is_refused);
    RUN(should_keep_memory_until_a_flush_succeeds);
    RUN(should_flush_for_an_owed_bfn_once);
    RUN(should_say_which_frames_were_exchanged);
    RUN(should_pass_over_a_refused_page_and_stop_at_a_quota);
    RUN(should_end_a_teardown_whose_flush_fails);
    return 0;
}
