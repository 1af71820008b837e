/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of dom0-guest that need no service: numbers, arguments, percentiles, page pattern. */
#define _GNU_SOURCE
#include <stdarg.h>

#include "check.h"
#include "guest.h"

static void should_parse_numbers(void) {
    uint64_t value = 0;

    CHECK(parse_number("0", 10, &value) && value == 0);
    CHECK(parse_number("010", 10, &value) && value == 10); /* not octal */
    CHECK(parse_number("0xFF", 255, &value) && value == 255);
    CHECK(parse_number("18446744073709551615", UINT64_MAX, &value) && value == UINT64_MAX);
    CHECK(!parse_number("18446744073709551616", UINT64_MAX, &value));
    CHECK(!parse_number("11", 10, &value));
    CHECK(!parse_number("", 10, &value));
    CHECK(!parse_number("-1", UINT64_MAX, &value));
    CHECK(!parse_number("+1", UINT64_MAX, &value));
    CHECK(!parse_number(" 1", UINT64_MAX, &value));
    CHECK(!parse_number("1x", UINT64_MAX, &value));
    CHECK(!parse_number("0x", UINT64_MAX, &value));
    CHECK(!parse_number("0x-1", UINT64_MAX, &value));
}

static void should_parse_sizes(void) {
    uint64_t bytes = 0;

    CHECK(parse_size("4096", &bytes) && bytes == 4096);
    CHECK(parse_size("4K", &bytes) && bytes == 4096);
    CHECK(parse_size("2m", &bytes) && bytes == 2U << 20);
    CHECK(parse_size("1G", &bytes) && bytes == 1U << 30);
    CHECK(parse_size("0x10T", &bytes) && bytes == 16ULL << 40);
    CHECK(!parse_size("1Kb", &bytes));
    CHECK(!parse_size("1P", &bytes));
    CHECK(!parse_size("K", &bytes));
    CHECK(!parse_size("18446744073709551615K", &bytes));
}

static void should_parse_ranges_and_flags(void) {
    struct range range = {.set = false};
    uint32_t flags = 9;

    CHECK(!range_has(&range, 0));
    CHECK(parse_range("0x10-0x1f", &range) && range.first == 16 && range.last == 31);
    CHECK(range_has(&range, 16) && range_has(&range, 31) && !range_has(&range, 15) && !range_has(&range, 32));
    CHECK(parse_range("7", &range) && range.first == 7 && range.last == 7);
    CHECK(!parse_range("7-6", &range));
    CHECK(!parse_range("7-", &range));
    CHECK(!parse_range("7-8-9", &range));
    CHECK(parse_flags("rw", &flags) && flags == 3);
    CHECK(parse_flags("r", &flags) && flags == 1);
    CHECK(parse_flags("w", &flags) && flags == 2);
    CHECK(parse_flags("none", &flags) && flags == 0);
    CHECK(parse_flags("0x80000000", &flags) && flags == 0x80000000U);
    CHECK(!parse_flags("x", &flags));
}

static void should_parse_hex(void) {
    unsigned char bytes[2];
    size_t length = 0;

    CHECK(parse_hex("00fF", bytes, 2, &length) && length == 2 && bytes[0] == 0 && bytes[1] == 255);
    CHECK(!parse_hex("000000", bytes, 2, &length));
    CHECK(!parse_hex("0", bytes, 2, &length));
    CHECK(!parse_hex("", bytes, 2, &length));
    CHECK(!parse_hex("0g", bytes, 2, &length));
}

static enum args_result parse(struct options *options, char *error, int n, ...) {
    char *argv[16] = {(char *)"dom0-guest"};
    va_list arguments;
    int i;

    va_start(arguments, n);
    for (i = 0; i < n; i++) argv[i + 1] = va_arg(arguments, char *);
    va_end(arguments);
    return args_parse(n + 1, argv, options, error, 256);
}

static void should_take_arguments(void) {
    struct options options;
    char error[256] = "";

    CHECK_NUMBER(parse(&options, error, 2, "--socket", "s"), ARGS_RUN);
    CHECK_NUMBER(options.memory_bytes, 1 << 30);
    CHECK_NUMBER(options.batch, 128);
    CHECK(options.map && !options.leave && !options.spin_set);
    CHECK_NUMBER(parse(&options, error, 9, "--socket", "s", "--memory", "64M", "--fill", "default", "--spin=0",
                       "--json", "--left-out=5-6"),
                 ARGS_RUN);
    CHECK(options.fill && options.pattern == PATTERN_DEFAULT && options.spin_set && options.json);
    CHECK(range_has(&options.left_out, 6));
    CHECK_NUMBER(parse(&options, error, 8, "--socket", "s", "--batches", "9", "--log", "l", "--reconnect", "5"), ARGS_RUN);
    CHECK(options.batches == 9 && options.reconnect && options.reconnect_seconds == 5 && !options.seconds);
    CHECK_NUMBER(parse(&options, error, 1, "--help"), ARGS_HELP);
}

static void refuses(const char *option, const char *value, const char *why) {
    struct options options;
    char error[256] = "";

    CHECK_NUMBER(parse(&options, error, 4, "--socket", "s", option, value), ARGS_WRONG);
    CHECK_CONTAINS(error, why);
}

static void should_refuse_arguments(void) {
    struct options options;
    char error[256] = "";

    unsetenv("PVI_RING_SOCKET");
    CHECK_NUMBER(parse(&options, error, 0), ARGS_WRONG);
    CHECK_CONTAINS(error, "--socket");
    refuses("--memory", "1X", "--memory: not a valid value: 1X");
    refuses("--memory", "4097", "4K pages");
    refuses("--memory", "64K", "too small");
    refuses("--batch", "0", "--batch");
    refuses("--batch", "1048577", "--batch");
    refuses("--first-mfn", "0xfffffffffffff", "--first-mfn");
    refuses("--check-page", "1", "--fill");
    refuses("--endpoint", "0x10008", "--endpoint needs --patterns");
    refuses("--endpoint", "0001:00:01.0", "--endpoint: not a valid value");
    refuses("--log", "file", "need the work");
    refuses("--reconnect", "5", "need the work");
    refuses("--batches", "0", "--batches: not a valid value");
    refuses("--no-such", "1", "--no-such");
    refuses("stray", "1", "no option");
}

static void should_give_percentiles(void) {
    struct histogram histogram = {.samples = 0};
    uint64_t value;

    CHECK_NUMBER(histogram_percentile(&histogram, 50), 0);
    for (value = 1; value <= 100; value++) histogram_add(&histogram, value);
    CHECK_NUMBER(histogram_percentile(&histogram, 50), 50);
    CHECK_NUMBER(histogram_percentile(&histogram, 99), 99);
    CHECK_NUMBER(histogram_percentile(&histogram, 100), 100);
    CHECK_NUMBER(histogram_percentile(&histogram, 0), 1);
}

/* Every size of number: the answer is never below the sample, and at most 1/64 above it. */
static void should_keep_percentiles_close(void) {
    uint64_t value = 0;
    unsigned int shift;

    for (shift = 0; shift < 64; shift++) {
        unsigned int step;

        for (step = 0; step < 67; step++) {
            struct histogram histogram = {.samples = 0};
            uint64_t percentile;

            value = (1ULL << shift) + step * ((1ULL << shift) / 67);
            histogram_add(&histogram, value);
            percentile = histogram_percentile(&histogram, 50);
            CHECK(percentile >= value && percentile - value <= value / 64);
        }
    }
    {
        struct histogram histogram = {.samples = 0};

        histogram_add(&histogram, UINT64_MAX);
        CHECK(histogram_percentile(&histogram, 50) == UINT64_MAX);
    }
}

static void should_find_a_changed_byte(void) {
    static uint64_t page[PAGE_BYTES / 8];
    size_t offset;

    pattern_fill(page, 0x1234, PATTERN_DEFAULT);
    CHECK(page[0] == (0x1234 ^ 0x50564931ULL));
    CHECK(page[511] == page[0] + 511 * PATTERN_STEP);
    CHECK_NUMBER(pattern_check(page, 0x1234, PATTERN_DEFAULT), PAGE_BYTES);
    CHECK_NUMBER(pattern_check(page, 0x1235, PATTERN_DEFAULT), 0);
    for (offset = 0; offset < PAGE_BYTES; offset += 511) {
        ((unsigned char *)page)[offset] ^= 1;
        CHECK_NUMBER(pattern_check(page, 0x1234, PATTERN_DEFAULT), offset & ~7ULL);
        ((unsigned char *)page)[offset] ^= 1;
    }
}

static void should_keep_the_work_inside_the_memory(void) {
    uint64_t number;
    unsigned int seen = 0;

    for (number = 1; number <= 1000; number++) {
        CHECK(work_first_frame(number, 100, 64) <= 100 - 64);
        CHECK_NUMBER(work_first_frame(number, 64, 64), 0);
        CHECK(work_window(number) < WORK_WINDOWS);
        seen |= 1U << work_window(number);
    }
    CHECK_NUMBER(seen, (1U << WORK_WINDOWS) - 1);
}

int main(void) {
    RUN(should_parse_numbers);
    RUN(should_parse_sizes);
    RUN(should_parse_ranges_and_flags);
    RUN(should_parse_hex);
    RUN(should_take_arguments);
    RUN(should_refuse_arguments);
    RUN(should_give_percentiles);
    RUN(should_keep_percentiles_close);
    RUN(should_find_a_changed_byte);
    RUN(should_keep_the_work_inside_the_memory);
    return 0;
}
