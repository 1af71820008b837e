/* SPDX-License-Identifier: Apache-2.0 */
/* Known content of a page; the formula is in guest.h. */
#include "guest.h"

#define WORDS (PAGE_BYTES / sizeof(uint64_t))

void pattern_fill(void *page, uint64_t mfn, uint64_t pattern) {
    uint64_t *words = page;
    uint64_t value = mfn ^ pattern;
    size_t i;

    for (i = 0; i < WORDS; i++, value += PATTERN_STEP) words[i] = value;
}

size_t pattern_check(const void *page, uint64_t mfn, uint64_t pattern) {
    const uint64_t *words = page;
    uint64_t value = mfn ^ pattern;
    size_t i;

    for (i = 0; i < WORDS; i++, value += PATTERN_STEP)
        if (words[i] != value) break;
    return i * sizeof(uint64_t);
}
