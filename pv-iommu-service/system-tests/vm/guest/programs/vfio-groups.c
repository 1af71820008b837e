/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VFIO type1 from user space, as a VMM does it. Usage: vfio-groups GROUP GROUP
 * Each group first in a container of its own, where memory is mapped and removed in several shapes, then both in one
 * container, and again apart, while mappings are there: that moves endpoints between domains. Exit 0: no call failed.
 * No device does any DMA.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096UL
#define MEMORY (4UL << 20)
#define ROUNDS 8
#define PIECES 256 /* mappings of a round */

struct user {
    const char *path;
    int group;
    int container;
};

static void fail(const char *what) {
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(1);
}

static int do_ioctl(int file, unsigned long request, void *argument, const char *what) {
    int result = ioctl(file, request, argument);

    if (result < 0) fail(what);
    return result;
}

static int new_container(void) {
    int container = open("/dev/vfio/vfio", O_RDWR);

    if (container < 0) fail("/dev/vfio/vfio");
    if (ioctl(container, VFIO_CHECK_EXTENSION, VFIO_TYPE1v2_IOMMU) != 1) fail("no type1 version 2");
    return container;
}

static void enter(struct user *user, int container) {
    do_ioctl(user->group, VFIO_GROUP_SET_CONTAINER, &container, "SET_CONTAINER");
    user->container = container;
}

static void leave(struct user *user) {
    do_ioctl(user->group, VFIO_GROUP_UNSET_CONTAINER, NULL, "UNSET_CONTAINER");
    user->container = -1;
}

static void use_type1(int container) {
    if (ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU) != 0) fail("SET_IOMMU");
}

static void map(int container, void *memory, uint64_t iova, uint64_t size, uint32_t flags) {
    struct vfio_iommu_type1_dma_map request = {sizeof(request), flags, (uintptr_t)memory, iova, size};

    do_ioctl(container, VFIO_IOMMU_MAP_DMA, &request, "MAP_DMA");
}

static void unmap(int container, uint64_t iova, uint64_t size) {
    struct vfio_iommu_type1_dma_unmap request = {.argsz = sizeof(request), .iova = iova, .size = size};

    do_ioctl(container, VFIO_IOMMU_UNMAP_DMA, &request, "UNMAP_DMA");
    if (request.size != size) {
        fprintf(stderr, "UNMAP_DMA of 0x%llx bytes removed 0x%llx\n", (unsigned long long)size,
                (unsigned long long)request.size);
        exit(1);
    }
}

/* Where IOVAs may begin: the first one of the first range that has room. */
static uint64_t first_iova(int container) {
    struct vfio_iommu_type1_info *info = calloc(1, PAGE);
    uint64_t found = 0;
    uint32_t offset;

    if (!info) fail("calloc");
    info->argsz = PAGE;
    do_ioctl(container, VFIO_IOMMU_GET_INFO, info, "GET_INFO");
    offset = info->flags & VFIO_IOMMU_INFO_CAPS ? info->cap_offset : 0;
    for (int guard = 0; offset && offset < PAGE - sizeof(struct vfio_info_cap_header) && guard < 64; guard++) {
        struct vfio_iommu_type1_info_cap_iova_range list;

        memcpy(&list, (char *)info + offset, sizeof(list));
        if (list.header.id == VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE) {
            struct vfio_iova_range range;

            memcpy(&range, (char *)info + offset + sizeof(list), sizeof(range));
            found = (range.start + PAGE - 1) & ~(PAGE - 1);
        }
        offset = list.header.next;
    }
    free(info);
    return found;
}

/* All of it at once, then page by page with other rights, then in pieces that leave holes. */
static void exercise(int container, char *memory) {
    const uint32_t rw = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE;
    uint64_t base = first_iova(container);

    map(container, memory, base, MEMORY, rw);
    unmap(container, base, MEMORY);
    for (uint64_t i = 0; i < PIECES; i++) {
        map(container, memory + i * PAGE, base + 2 * i * PAGE, PAGE, i % 2 ? VFIO_DMA_MAP_FLAG_READ : rw);
    }
    for (uint64_t i = 0; i < PIECES; i += 2) unmap(container, base + 2 * i * PAGE, PAGE);
    for (uint64_t i = 1; i < PIECES; i += 2) unmap(container, base + 2 * i * PAGE, PAGE);
}

static void open_group(struct user *user) {
    struct vfio_group_status status = {.argsz = sizeof(status)};

    user->group = open(user->path, O_RDWR);
    if (user->group < 0) fail(user->path);
    do_ioctl(user->group, VFIO_GROUP_GET_STATUS, &status, "GET_STATUS");
    if (!(status.flags & VFIO_GROUP_FLAGS_VIABLE)) fail("group is not viable");
}

static void apart(struct user *users, char *memory) {
    for (int i = 0; i < 2; i++) {
        enter(&users[i], new_container());
        use_type1(users[i].container);
    }
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < 2; i++) exercise(users[i].container, memory);
    }
    for (int i = 0; i < 2; i++) {
        int container = users[i].container;

        leave(&users[i]);
        close(container);
    }
}

/* The second group joins while something is mapped, and the first leaves before it is removed. */
static void together(struct user *users, char *memory) {
    int container = new_container();
    uint64_t base;

    enter(&users[0], container);
    use_type1(container);
    base = first_iova(container);
    map(container, memory, base, MEMORY, VFIO_DMA_MAP_FLAG_READ);
    enter(&users[1], container);
    leave(&users[0]);
    unmap(container, base, MEMORY);
    exercise(container, memory);
    leave(&users[1]);
    close(container);
}

int main(int count, char **arguments) {
    struct user users[2];
    char *memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

    if (count != 3) {
        fprintf(stderr, "usage: vfio-groups /dev/vfio/N /dev/vfio/M\n");
        return 2;
    }
    if (memory == MAP_FAILED) fail("mmap");
    for (int i = 0; i < 2; i++) {
        users[i].path = arguments[i + 1];
        open_group(&users[i]);
    }
    apart(users, memory);
    together(users, memory);
    apart(users, memory);
    return 0;
}
