/* SPDX-License-Identifier: Apache-2.0 */
/* Log-linear histogram: 64 buckets for each power of two. */
#include "guest.h"

#define SUB_BUCKETS (1U << HISTOGRAM_SUB_BITS)

/* Values below 2 * SUB_BUCKETS have a bucket each; above, the top 7 bits of the value choose. */
static unsigned int bucket_of(uint64_t value) {
    unsigned int shift;

    if (value < SUB_BUCKETS) return (unsigned int)value;
    shift = 63U - (unsigned int)__builtin_clzll(value) - HISTOGRAM_SUB_BITS;
    return (shift << HISTOGRAM_SUB_BITS) + (unsigned int)(value >> shift);
}

static uint64_t upper_end(unsigned int bucket) {
    unsigned int shift;

    if (bucket < 2 * SUB_BUCKETS) return bucket;
    shift = (bucket >> HISTOGRAM_SUB_BITS) - 1;
    return ((bucket - ((uint64_t)shift << HISTOGRAM_SUB_BITS)) << shift) + ((1ULL << shift) - 1);
}

void histogram_add(struct histogram *histogram, uint64_t value) {
    histogram->samples++;
    histogram->buckets[bucket_of(value)]++;
}

uint64_t histogram_percentile(const struct histogram *histogram, double percent) {
    double exact = (double)histogram->samples * percent / 100.0;
    uint64_t wanted = (uint64_t)exact;
    uint64_t seen = 0;
    unsigned int i;

    if (histogram->samples == 0) return 0;
    if ((double)wanted < exact) wanted++;
    if (wanted == 0) wanted = 1;
    for (i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += histogram->buckets[i];
        if (seen >= wanted) return upper_end(i);
    }
    return upper_end(HISTOGRAM_BUCKETS - 1);
}
