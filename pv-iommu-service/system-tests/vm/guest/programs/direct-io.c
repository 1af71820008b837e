/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One page whose frame is known, read into by a disk. Usage: direct-io DISK FIFO
 * Prints the page's frame number, waits until something is written to FIFO, then lets the disk read into the page and
 * into another one. Exit 0: the other could be read into and the page could not, 3: both could, 1: something else.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096
#define PFN_MASK ((1ULL << 55) - 1)

static uint64_t pfn_of(void *page) {
    uint64_t entry = 0;
    int map = open("/proc/self/pagemap", O_RDONLY);

    if (map < 0 || pread(map, &entry, sizeof(entry), (off_t)((uintptr_t)page / PAGE * sizeof(entry))) != sizeof(entry)) {
        perror("pagemap");
        return 0;
    }
    close(map);
    return entry & PFN_MASK;
}

/* The kernel has no reason to move what is pinned down and has been written to. */
static char *page_of_our_own(void) {
    char *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

    if (page == MAP_FAILED || mlock(page, PAGE) != 0) {
        perror("page");
        return NULL;
    }
    memset(page, 0x5a, PAGE);
    return page;
}

static int can_read_into(int disk, char *page) {
    ssize_t got = pread(disk, page, PAGE, 0);

    printf("pfn 0x%llx: %s\n", (unsigned long long)pfn_of(page), got == PAGE ? "read" : strerror(errno));
    return got == PAGE;
}

int main(int count, char **arguments) {
    char *left_out = page_of_our_own(), *mapped = page_of_our_own(), go;
    int disk, fifo, into_mapped, into_left_out;

    if (count != 3 || !left_out || !mapped) return 1;
    printf("0x%llx\n", (unsigned long long)pfn_of(left_out));
    fflush(stdout);
    fifo = open(arguments[2], O_RDONLY);
    if (fifo < 0 || read(fifo, &go, 1) != 1) {
        perror(arguments[2]);
        return 1;
    }
    disk = open(arguments[1], O_RDONLY | O_DIRECT);
    if (disk < 0) {
        perror(arguments[1]);
        return 1;
    }
    into_mapped = can_read_into(disk, mapped);
    into_left_out = can_read_into(disk, left_out);
    fflush(stdout);
    if (into_mapped && into_left_out) return 3;
    for (int i = 0; i < PAGE; i++) {
        if (left_out[i] != 0x5a) {
            printf("the page was written to at %d all the same\n", i);
            return 1;
        }
    }
    return into_mapped ? 0 : 1;
}
