/* SPDX-License-Identifier: Apache-2.0 */
/* The sentence about what went wrong last, for each thread. */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stdio.h>

#include "internal.h"

static _Thread_local char error_text[512];

int set_error(int code, const char *format, ...) {
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(error_text, sizeof error_text, format, arguments);
    va_end(arguments);
    return code;
}

const char *pviommu_last_error(void) {
    return error_text;
}
