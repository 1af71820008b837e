/* SPDX-License-Identifier: Apache-2.0 */
/* The comparator of HostMapCost: the same requests as the backend makes, from C, with nothing around them. */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>

/*
 * Makes n requests. Before each the 64-bit fields at iova_offset and at start_offset are set: the first counts up from first_iova by
 * step, the second from 0. Returns 0, or -errno of the first request that was refused.
 */
long ioctl_loop(long fd, long request, char *argument, long iova_offset, long start_offset, long first_iova, long step, long n)
{
    for (long i = 0; i < n; i++) {
        uint64_t start = (uint64_t)(i * step);
        uint64_t iova = (uint64_t)first_iova + start;
        memcpy(argument + iova_offset, &iova, sizeof(iova));
        memcpy(argument + start_offset, &start, sizeof(start));
        if (ioctl((int)fd, (unsigned long)request, argument) < 0)
            return -errno;
    }
    return 0;
}
