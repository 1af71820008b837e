/* SPDX-License-Identifier: Apache-2.0 */
/* The little that the unit tests need: a check that says where, what and why, and ends the program. */
#ifndef PVIOMMU_TEST_CHECK_H
#define PVIOMMU_TEST_CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
            exit(1); \
        } \
    } while (0)

#define CHECK_NUMBER(actual, expected) \
    do { \
        long long check_actual = (long long)(actual); \
        long long check_expected = (long long)(expected); \
        if (check_actual != check_expected) { \
            fprintf(stderr, "%s:%d: %s is %lld, expected %lld\n", __FILE__, __LINE__, #actual, check_actual, \
                    check_expected); \
            exit(1); \
        } \
    } while (0)

#define CHECK_CONTAINS(text, part) \
    do { \
        if (!strstr(text, part)) { \
            fprintf(stderr, "%s:%d: \"%s\" does not contain \"%s\"\n", __FILE__, __LINE__, text, part); \
            exit(1); \
        } \
    } while (0)

#define RUN(test) (test(), printf("%s\n", #test))

#endif
