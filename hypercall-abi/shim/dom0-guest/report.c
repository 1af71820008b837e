/* SPDX-License-Identifier: Apache-2.0 */
/* Results of phases, for people and for programs. */
#define _GNU_SOURCE
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include "guest.h"

/* A phase in which everything fails shall not fill the terminal. */
#define SHOWN_FAILURES 10

uint64_t now_ns(void) {
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000ULL + (uint64_t)time.tv_nsec;
}

const char *status_name(long status) {
    switch (status) {
    case IOMMU_STATUS_OK:
        return "OK";
    case IOMMU_STATUS_EPERM:
        return "EPERM";
    case IOMMU_STATUS_ENOENT:
        return "ENOENT";
    case IOMMU_STATUS_EIO:
        return "EIO";
    case IOMMU_STATUS_ENXIO:
        return "ENXIO";
    case IOMMU_STATUS_ENOMEM:
        return "ENOMEM";
    case IOMMU_STATUS_EFAULT:
        return "EFAULT";
    case IOMMU_STATUS_EBUSY:
        return "EBUSY";
    case IOMMU_STATUS_EINVAL:
        return "EINVAL";
    case IOMMU_STATUS_ENOSPC:
        return "ENOSPC";
    case IOMMU_STATUS_ERANGE:
        return "ERANGE";
    case IOMMU_STATUS_ENOSYS:
        return "ENOSYS";
    case IOMMU_STATUS_EOPNOTSUPP:
        return "EOPNOTSUPP";
    case IOMMU_STATUS_EADDRINUSE:
        return "EADDRINUSE";
    case IOMMU_STATUS_EADDRNOTAVAIL:
        return "EADDRNOTAVAIL";
    case STATUS_UNTOUCHED:
        return "UNTOUCHED";
    case PVIOMMU_GONE:
        return "GONE";
    default:
        return "UNKNOWN";
    }
}

void json_string(FILE *out, const char *text) {
    fputc('"', out);
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;

        if (c == '"' || c == '\\')
            fprintf(out, "\\%c", c);
        else if (c < 0x20)
            fprintf(out, "\\u%04x", c);
        else
            fputc(c, out);
    }
    fputc('"', out);
}

void phase_begin(struct phase *phase, const char *name, uint32_t batch) {
    memset(phase, 0, sizeof *phase);
    phase->name = name;
    phase->batch = batch;
}

void phase_failure(struct phase *phase, const char *format, ...) {
    va_list arguments;

    if (++phase->failed > SHOWN_FAILURES) return;
    fprintf(stderr, "dom0-guest: %s: ", phase->name);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    if (phase->failed == SHOWN_FAILURES) fprintf(stderr, "dom0-guest: %s: more failures are not shown\n", phase->name);
}

static void report_to_people(const struct phase *phase, double seconds, double rate, uint64_t p50, uint64_t p99) {
    fprintf(stderr, "%-9s %llu operations", phase->name, (unsigned long long)phase->operations);
    if (phase->calls)
        fprintf(stderr, ", %llu calls, %.3f s, %.0f operations/s, call p50 %llu ns p99 %llu ns",
                (unsigned long long)phase->calls, seconds, rate, (unsigned long long)p50, (unsigned long long)p99);
    fprintf(stderr, ", failed %llu\n", (unsigned long long)phase->failed);
}

static void report_to_programs(const struct phase *phase, double seconds, double rate, uint64_t p50, uint64_t p99) {
    printf("{\"phase\":\"%s\",\"operations\":%llu", phase->name, (unsigned long long)phase->operations);
    if (phase->calls)
        printf(",\"calls\":%llu,\"seconds\":%.9f,\"operations_per_second\":%.0f,\"call_p50_ns\":%llu,"
               "\"call_p99_ns\":%llu",
               (unsigned long long)phase->calls, seconds, rate, (unsigned long long)p50, (unsigned long long)p99);
    if (phase->calls && phase->batch)
        printf(",\"batch\":%u,\"operation_p50_ns\":%.1f,\"operation_p99_ns\":%.1f", phase->batch,
               (double)p50 / phase->batch, (double)p99 / phase->batch);
    printf(",\"failed\":%llu}\n", (unsigned long long)phase->failed);
    fflush(stdout);
}

/* Times are those spent inside the calls: filling the arrays and checking the statuses is the guest's own work. */
void phase_report(const struct guest *guest, const struct phase *phase) {
    double seconds = (double)phase->call_ns / 1e9;
    double rate = seconds > 0 ? (double)phase->operations / seconds : 0;
    uint64_t p50 = histogram_percentile(&phase->histogram, 50);
    uint64_t p99 = histogram_percentile(&phase->histogram, 99);

    report_to_people(phase, seconds, rate, p50, p99);
    if (guest->options->json) report_to_programs(phase, seconds, rate, p50, p99);
}
