/* SPDX-License-Identifier: Apache-2.0 */
/* dom0-guest: a process that acts as a Dom0 kernel. What its parts know of each other. */

#ifndef DOM0_GUEST_H
#define DOM0_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "pviommu.h"

#define PAGE_BYTES (1ULL << IOMMU_PAGE_SHIFT)

/* Exit codes. */
enum { EXIT_EXPECTED = 0, EXIT_UNEXPECTED = 1, EXIT_USAGE = 2, EXIT_UNREACHABLE = 3 };

/* numbers.c: what people write on command lines. All return false for anything but a whole, fitting number. */
struct range {
    bool set;
    uint64_t first;
    uint64_t last; /* inclusive */
};

bool parse_number(const char *text, uint64_t max, uint64_t *value); /* 4096, 0x1000 */
bool parse_size(const char *text, uint64_t *bytes);                 /* 4096, 4K, 2M, 1G, 1T */
bool parse_range(const char *text, struct range *range);            /* FIRST or FIRST-LAST */
bool parse_flags(const char *text, uint32_t *flags);                /* r, w, rw, none, or a number */
bool parse_hex(const char *text, unsigned char *bytes, size_t capacity, size_t *length);
bool range_has(const struct range *range, uint64_t value);

/* args.c */
struct options {
    const char *socket;
    uint32_t guest_id;
    uint64_t memory_bytes;
    uint64_t first_mfn;
    uint32_t batch;
    struct range read_only;
    struct range left_out;
    struct range reserved_mfn;
    struct range reserved_bfn;
    uint64_t load_operations;
    bool spin_set;
    uint32_t spin_iterations;
    bool fill;
    uint64_t pattern;
    struct range check_page;
    bool map;
    bool patterns;
    bool endpoint_set;
    uint32_t endpoint;
    bool bad_batch;
    bool interactive;
    bool leave;
    bool json;
    uint64_t batches; /* of the work; 0: no limit, or no work */
    uint64_t seconds;
    const char *log;
    bool reconnect;
    uint32_t reconnect_seconds;
};

enum args_result { ARGS_RUN, ARGS_HELP, ARGS_WRONG };

/* On ARGS_WRONG, `error` has a sentence that names the option, the value and the limit. */
enum args_result args_parse(int argc, char **argv, struct options *options, char *error, size_t error_bytes);
void args_help(FILE *out);

/* histogram.c: times in ns, in bounded memory; a percentile is at most 1/64 too high. */
#define HISTOGRAM_SUB_BITS 6
#define HISTOGRAM_BUCKETS ((64 - HISTOGRAM_SUB_BITS + 1) << HISTOGRAM_SUB_BITS)

struct histogram {
    uint64_t samples;
    uint64_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *histogram, uint64_t value);
/* Upper end of the bucket below which `percent` of the samples lie; 0 without samples. */
uint64_t histogram_percentile(const struct histogram *histogram, double percent);

/*
 * pattern.c: what --fill writes, so that whoever reads by DMA can check what it
 * got. A page is 512 words u64, little-endian; word i of machine frame mfn is
 *
 *     (mfn ^ pattern) + i * 0x9e3779b97f4a7c15        (modulo 2^64)
 *
 * so each page starts with mfn ^ pattern.
 */
#define PATTERN_DEFAULT 0x50564931ULL
#define PATTERN_STEP 0x9e3779b97f4a7c15ULL

void pattern_fill(void *page, uint64_t mfn, uint64_t pattern);
/* Offset in bytes of the first word that differs; PAGE_BYTES if the page is intact. */
size_t pattern_check(const void *page, uint64_t mfn, uint64_t pattern);

/* guest.c: the guest and its memory. */
struct guest {
    const struct options *options;
    struct pviommu *service;
    unsigned char *memory;
    uint64_t nr_pages;
    uint64_t first_mfn;
    uint64_t last_mfn;      /* inclusive */
    uint64_t scratch_mfn;   /* from here to last_mfn: operation arrays; never filled */
    struct iommu_map_op *ops; /* in scratch memory */
    uint64_t ops_address;
    uint32_t ops_capacity;
    int32_t *expected; /* status that each element of ops shall get */
    uint64_t *bfns;    /* pages that a round of the load works on; ops_capacity elements */
    struct iommu_caps caps;
    bool lost; /* the service has gone: stop */
};

/* Elements that the operation array has room for, whatever --batch says. */
#define OPS_MIN 64
/* Status that no operation yields: shows whether an element was reached. */
#define STATUS_UNTOUCHED 1

/* 0 or an exit code; says why on stderr. */
int guest_start(struct guest *guest, const struct options *options);
void guest_stop(struct guest *guest);
/* NULL outside the guest's memory. */
unsigned char *guest_page(const struct guest *guest, uint64_t mfn);
bool guest_is_own(const struct guest *guest, uint64_t mfn);
/* How the 1:1 map treats a page. */
int32_t guest_map_status(const struct guest *guest, uint64_t page);
uint32_t guest_map_flags(const struct guest *guest, uint64_t page);
bool guest_is_mapped(const struct guest *guest, uint64_t page);
/* Element `index` of the operation array, with a status that shows whether it was reached. */
void guest_set_op(struct guest *guest, uint32_t index, uint64_t bfn, uint64_t mfn, uint32_t flags, int32_t expected);
/* The call on the first `count` elements; its return value. */
long guest_call(struct guest *guest, unsigned int cmd, uint32_t count);
long guest_call_at(struct guest *guest, unsigned int cmd, uint64_t address, unsigned int count);

/* After the service died or was stopped: goes on with the next one. False, with a sentence on stderr, if that cannot be. */
bool guest_reconnect(struct guest *guest);

/* report.c: progress for people on stderr; with --json one object per line on stdout. */
struct phase {
    const char *name;
    uint32_t batch;
    uint64_t operations;
    uint64_t calls;
    uint64_t failed; /* statuses or return values that were not the expected ones */
    uint64_t call_ns; /* sum over the calls */
    struct histogram histogram;
};

void phase_begin(struct phase *phase, const char *name, uint32_t batch);
void phase_report(const struct guest *guest, const struct phase *phase);
/* One thing that was not as expected: counted, and shown for the first few of a phase. */
void phase_failure(struct phase *phase, const char *format, ...) __attribute__((format(printf, 2, 3)));
const char *status_name(long status);
uint64_t now_ns(void);
void json_string(FILE *out, const char *text);

/* phases.c: each returns how many results were not as expected. */
uint64_t phase_map(struct guest *guest);
uint64_t phase_load(struct guest *guest);
uint64_t phase_unmap(struct guest *guest);
uint64_t phase_fill(struct guest *guest);
uint64_t phase_check(struct guest *guest);
/* A timed call on ops[0..count-1] that must return 0 and leave the expected statuses. */
void run_batch(struct guest *guest, struct phase *phase, unsigned int cmd, uint32_t count);

/* work.c: batches for as long as told, over deaths of the service, with a log. */
#define WORK_WINDOWS 7
uint64_t phase_work(struct guest *guest);
/* First frame of the stretch that batch number `number` maps; `frames` of them to choose from, at least `batch`. */
uint64_t work_first_frame(uint64_t number, uint64_t frames, uint32_t batch);
uint32_t work_window(uint64_t number);

/* bad_batch.c */
uint64_t phase_bad_batch(struct guest *guest);

/* phase_patterns.c: one report per pattern; nothing is mapped before and after. */
#define PATTERNS_MIN_PAGES 512
uint64_t phase_patterns(struct guest *guest);

/* interactive.c: line commands from `in` until quit or its end. */
void interactive(struct guest *guest, FILE *in);

#endif /* DOM0_GUEST_H */
