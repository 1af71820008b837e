/* SPDX-License-Identifier: Apache-2.0 */
/* The guest: a connection, memory, and an operation array inside that memory. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guest.h"

/* The memory of the guest: a memfd that cannot shrink, so that nobody who maps it can be hit by a missing page. */
static int make_memory(uint64_t bytes, unsigned char **memory) {
    int fd = memfd_create("dom0-memory", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    void *mapping;

    if (fd < 0) return -1;
    if (ftruncate(fd, (off_t)bytes) == 0 && fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK) == 0) {
        mapping = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (mapping != MAP_FAILED) {
            *memory = mapping;
            return fd;
        }
    }
    close(fd);
    return -1;
}

/* The last page stays free of the array: bad batches let an array run over the end of memory from there. */
static void lay_out(struct guest *guest, const struct options *options) {
    uint64_t array_pages;

    guest->options = options;
    guest->nr_pages = options->memory_bytes / PAGE_BYTES;
    guest->first_mfn = options->first_mfn;
    guest->last_mfn = options->first_mfn + guest->nr_pages - 1;
    guest->ops_capacity = options->batch < OPS_MIN ? OPS_MIN : options->batch;
    array_pages = (guest->ops_capacity * sizeof(struct iommu_map_op) + PAGE_BYTES - 1) / PAGE_BYTES;
    guest->scratch_mfn = guest->last_mfn - array_pages;
    guest->ops_address = guest->scratch_mfn << IOMMU_PAGE_SHIFT;
}

static int connect_guest(struct guest *guest) {
    const struct options *options = guest->options;
    int error = pviommu_connect(options->socket, options->guest_id, 1, &guest->service);

    if (error) {
        fprintf(stderr, "dom0-guest: %s\n", pviommu_last_error());
        return EXIT_UNREACHABLE;
    }
    if (options->spin_set) pviommu_set_spin_iterations(guest->service, options->spin_iterations);
    return 0;
}

static int register_memory(struct guest *guest) {
    int fd = make_memory(guest->options->memory_bytes, &guest->memory);
    int error;

    if (fd < 0) {
        fprintf(stderr, "dom0-guest: cannot make memory of %llu bytes: %s\n",
                (unsigned long long)guest->options->memory_bytes, strerror(errno));
        return EXIT_UNREACHABLE;
    }
    error = pviommu_register_memory(guest->service, fd, 0, guest->memory, guest->first_mfn, guest->nr_pages);
    close(fd); /* our mapping and the service's keep the memory */
    if (error) {
        fprintf(stderr, "dom0-guest: memory was not accepted: %s\n", pviommu_last_error());
        return EXIT_UNREACHABLE;
    }
    guest->ops = (struct iommu_map_op *)guest_page(guest, guest->scratch_mfn);
    return 0;
}

/* The one call that goes by pointer, as in a kernel. */
static int query_caps(struct guest *guest) {
    struct iommu_caps *caps = (struct iommu_caps *)guest->ops;
    long result;

    memset(caps, 0, sizeof *caps);
    pviommu_set_default(guest->service);
    result = HYPERVISOR_iommu_op(IOMMUOP_query_caps, caps, 1);
    if (result != 0) {
        fprintf(stderr, "dom0-guest: query_caps returned %ld (%s) %s\n", result, status_name(result),
                result == PVIOMMU_GONE ? pviommu_last_error() : "");
        return result == PVIOMMU_GONE ? EXIT_UNREACHABLE : EXIT_UNEXPECTED;
    }
    guest->caps = *caps;
    return 0;
}

int guest_start(struct guest *guest, const struct options *options) {
    int error;

    memset(guest, 0, sizeof *guest);
    lay_out(guest, options);
    guest->expected = calloc(guest->ops_capacity, sizeof *guest->expected);
    guest->bfns = calloc(guest->ops_capacity, sizeof *guest->bfns);
    if (!guest->expected || !guest->bfns) {
        fprintf(stderr, "dom0-guest: no memory for batch=%u\n", options->batch);
        return EXIT_UNREACHABLE;
    }
    error = connect_guest(guest);
    if (!error) error = register_memory(guest);
    if (!error) error = query_caps(guest);
    return error;
}

void guest_stop(struct guest *guest) {
    pviommu_close(guest->service);
    if (guest->memory) munmap(guest->memory, guest->options->memory_bytes);
    free(guest->expected);
    free(guest->bfns);
}

bool guest_is_own(const struct guest *guest, uint64_t mfn) {
    return mfn >= guest->first_mfn && mfn <= guest->last_mfn;
}

unsigned char *guest_page(const struct guest *guest, uint64_t mfn) {
    return guest_is_own(guest, mfn) ? guest->memory + (mfn - guest->first_mfn) * PAGE_BYTES : NULL;
}

/* The order of the checks is part of the ABI: a reserved bfn comes before the frame. */
int32_t guest_map_status(const struct guest *guest, uint64_t page) {
    if (page > guest->caps.max_bfn) return IOMMU_STATUS_ERANGE;
    if (range_has(&guest->options->reserved_bfn, page)) return IOMMU_STATUS_EADDRNOTAVAIL;
    if (range_has(&guest->options->reserved_mfn, page)) return IOMMU_STATUS_EPERM;
    return IOMMU_STATUS_OK;
}

uint32_t guest_map_flags(const struct guest *guest, uint64_t page) {
    return range_has(&guest->options->read_only, page) ? IOMMU_MAP_OP_readable
                                                       : IOMMU_MAP_OP_readable | IOMMU_MAP_OP_writeable;
}

bool guest_is_mapped(const struct guest *guest, uint64_t page) {
    return !range_has(&guest->options->left_out, page) && guest_map_status(guest, page) == IOMMU_STATUS_OK;
}

void guest_set_op(struct guest *guest, uint32_t index, uint64_t bfn, uint64_t mfn, uint32_t flags, int32_t expected) {
    struct iommu_map_op op = {.bfn = bfn, .mfn = mfn, .flags = flags, .status = STATUS_UNTOUCHED};

    guest->ops[index] = op;
    guest->expected[index] = expected;
}

long guest_call_at(struct guest *guest, unsigned int cmd, uint64_t address, unsigned int count) {
    long result = pviommu_op_guest_address(guest->service, PVIOMMU_MY_SLOT, cmd, address, count);

    if (result == PVIOMMU_GONE && !guest->lost) {
        guest->lost = true;
        fprintf(stderr, "dom0-guest: %s\n", pviommu_last_error());
    }
    return result;
}

long guest_call(struct guest *guest, unsigned int cmd, uint32_t count) {
    return guest_call_at(guest, cmd, guest->ops_address, count);
}

bool guest_reconnect(struct guest *guest) {
    uint32_t seconds = guest->options->reconnect_seconds;
    int error = pviommu_reconnect(guest->service, (int)seconds * 1000);

    if (error) {
        fprintf(stderr, "dom0-guest: cannot go on: %s\n", pviommu_last_error());
        return false;
    }
    guest->lost = false;
    return true;
}
