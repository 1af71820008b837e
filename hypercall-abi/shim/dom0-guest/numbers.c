/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers, sizes and ranges as people write them. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "guest.h"

/* strtoull alone would take signs, leading blanks and octal numbers. */
static bool leading_number(const char *text, uint64_t *value, const char **rest) {
    bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    const char *digits = hex ? text + 2 : text;
    char *end;

    if (!(hex ? isxdigit((unsigned char)*digits) : isdigit((unsigned char)*digits))) return false;
    errno = 0;
    *value = strtoull(digits, &end, hex ? 16 : 10);
    *rest = end;
    return errno == 0;
}

bool parse_number(const char *text, uint64_t max, uint64_t *value) {
    const char *rest;

    return leading_number(text, value, &rest) && *rest == '\0' && *value <= max;
}

bool parse_size(const char *text, uint64_t *bytes) {
    static const char units[] = "KMGT";
    const char *rest;
    const char *unit;
    unsigned int shift;

    if (!leading_number(text, bytes, &rest)) return false;
    if (*rest == '\0') return true;
    unit = strchr(units, toupper((unsigned char)*rest));
    if (!unit || rest[1] != '\0') return false;
    shift = 10U * (unsigned int)(unit - units + 1);
    if (*bytes > UINT64_MAX >> shift) return false;
    *bytes <<= shift;
    return true;
}

bool parse_range(const char *text, struct range *range) {
    const char *rest;

    if (!leading_number(text, &range->first, &rest)) return false;
    range->last = range->first;
    range->set = true;
    if (*rest == '\0') return true;
    return *rest == '-' && parse_number(rest + 1, UINT64_MAX, &range->last) && range->last >= range->first;
}

bool parse_flags(const char *text, uint32_t *flags) {
    static const char *const names[] = {"none", "r", "w", "rw"}; /* index: readable is bit 0, writeable bit 1 */
    uint64_t number;
    uint32_t i;

    for (i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(text, names[i]) == 0) {
            *flags = i;
            return true;
        }
    }
    if (!parse_number(text, UINT32_MAX, &number)) return false;
    *flags = (uint32_t)number;
    return true;
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    c = (char)tolower((unsigned char)c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool parse_hex(const char *text, unsigned char *bytes, size_t capacity, size_t *length) {
    size_t digits = strlen(text);
    size_t i;

    if (digits == 0 || digits % 2 != 0 || digits / 2 > capacity) return false;
    for (i = 0; i < digits / 2; i++) {
        int high = hex_digit(text[2 * i]);
        int low = hex_digit(text[2 * i + 1]);

        if (high < 0 || low < 0) return false;
        bytes[i] = (unsigned char)(high << 4 | low);
    }
    *length = digits / 2;
    return true;
}

bool range_has(const struct range *range, uint64_t value) {
    return range->set && value >= range->first && value <= range->last;
}
