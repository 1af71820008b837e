/* SPDX-License-Identifier: Apache-2.0 */
/* A connection: set-up, memory, calls. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "internal.h"

/* An answer on the socket that takes longer than this will not come. */
#define ANSWER_TIMEOUT_S 30

static uint64_t last_serial;
static struct pviommu *default_handle;

static int open_socket(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct timeval timeout = {.tv_sec = ANSWER_TIMEOUT_S};
    int error;
    int fd;

    if (strlen(path) >= sizeof address.sun_path)
        return set_error(-ENAMETOOLONG, "socket path bytes=%zu max=%zu", strlen(path), sizeof address.sun_path - 1);
    strcpy(address.sun_path, path);
    fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0) return set_error(-errno, "cannot make a socket: %s", strerror(errno));
    /* The time limit for sending holds for connect as well, which waits while the backlog is full. */
    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) == 0 &&
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout) == 0 &&
        connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    error = set_error(-errno, "cannot connect to %s: %s", path, strerror(errno));
    close(fd);
    return error;
}

/* The size is checked against the file, because touching memory beyond its end is a fault. */
static int map_ring(struct pviommu *handle, int fd, const struct pvi_msg_welcome *welcome) {
    struct stat status;
    void *ring;

    if (fstat(fd, &status) < 0) return set_error(-errno, "cannot look at the ring: %s", strerror(errno));
    if (status.st_size < 0 || (uint64_t)status.st_size < welcome->ring_bytes)
        return set_error(-EPROTO, "ring file has bytes=%lld, WELCOME says ring_bytes=%llu", (long long)status.st_size,
                         (unsigned long long)welcome->ring_bytes);
    ring = mmap(NULL, welcome->ring_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (ring == MAP_FAILED) return set_error(-errno, "cannot map the ring: %s", strerror(errno));
    handle->ring = ring;
    handle->ring_bytes = welcome->ring_bytes;
    if (handle->ring->magic != PVI_RING_MAGIC || handle->ring->slot_bytes != PVI_SLOT_BYTES)
        return set_error(-EPROTO, "ring has magic=0x%x slot_bytes=%u", handle->ring->magic, handle->ring->slot_bytes);
    return 0;
}

/* Takes the eventfds out of the packet, where packet_close_fds() would close them. */
static void set_up_slots(struct pviommu *handle, struct packet *packet) {
    struct pvi_slot *slots = (struct pvi_slot *)((unsigned char *)handle->ring + PVI_RING_HEADER_BYTES);
    uint32_t i;

    for (i = 0; i < handle->nr_slots; i++) {
        struct slot *slot = &handle->vcpus[i].slot;

        slot->ring = handle->ring;
        slot->shared = &slots[i];
        slot->generation = 0;
        slot->kick_fd = packet->fds[1 + 2 * i];
        slot->done_fd = packet->fds[2 + 2 * i];
        slot->life_fd = handle->socket;
    }
    packet->nr_fds = 1;
}

static int say_hello(struct pviommu *handle, uint32_t nr_slots, uint32_t flags, bool *answered) {
    struct pvi_msg_hello hello;
    struct pvi_msg_welcome welcome;
    struct packet packet;
    int error;

    message_hello(&hello, handle->guest_id, nr_slots, flags);
    error = packet_send(handle->socket, &hello, sizeof hello, -1);
    if (!error) error = packet_receive(handle->socket, &packet);
    if (error) return error;
    *answered = true;
    error = message_check_welcome(&packet, &hello, &welcome);
    if (!error) error = map_ring(handle, packet.fds[0], &welcome);
    if (!error) {
        handle->nr_slots = welcome.nr_slots;
        handle->spin_iterations = welcome.spin_iterations;
        set_up_slots(handle, &packet);
    }
    packet_close_fds(&packet);
    return error;
}

static struct pviommu *new_handle(const char *path, uint32_t guest_id) {
    struct pviommu *handle = calloc(1, sizeof *handle);
    unsigned int i;

    if (!handle) return NULL;
    handle->path = strdup(path);
    if (!handle->path) {
        free(handle);
        return NULL;
    }
    handle->serial = __atomic_add_fetch(&last_serial, 1, __ATOMIC_RELAXED);
    handle->guest_id = guest_id;
    pthread_mutex_init(&handle->request_lock, NULL);
    pthread_rwlock_init(&handle->regions_lock, NULL);
    for (i = 0; i < PVI_RING_MAX_SLOTS; i++) pthread_mutex_init(&handle->vcpus[i].lock, NULL);
    return handle;
}

int client_connect(const char *path, uint32_t guest_id, uint32_t nr_slots, uint32_t flags, struct pviommu **handle,
                   bool *answered) {
    struct pviommu *made = new_handle(path, guest_id);
    int error;

    *handle = NULL;
    *answered = false;
    if (!made) return set_error(-ENOMEM, "no memory for a handle");
    made->socket = open_socket(path);
    error = made->socket < 0 ? made->socket : say_hello(made, nr_slots, flags, answered);
    if (error) {
        pviommu_close(made);
        return error;
    }
    *handle = made;
    return 0;
}

int pviommu_connect(const char *path, uint32_t guest_id, uint32_t nr_slots, struct pviommu **handle) {
    bool answered;

    *handle = NULL;
    if (nr_slots < 1 || nr_slots > PVI_RING_MAX_SLOTS)
        return set_error(-EINVAL, "nr_slots=%u max=%u", nr_slots, PVI_RING_MAX_SLOTS);
    return client_connect(path, guest_id, nr_slots, 0, handle, &answered);
}

void pviommu_close(struct pviommu *handle) {
    struct pviommu *expected = handle;
    uint32_t i;

    if (!handle) return;
    __atomic_compare_exchange_n(&default_handle, &expected, NULL, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    if (handle->socket >= 0) close(handle->socket);
    for (i = 0; i < handle->nr_slots; i++) {
        close(handle->vcpus[i].slot.kick_fd);
        close(handle->vcpus[i].slot.done_fd);
    }
    for (i = 0; i < handle->regions.count; i++) close(handle->regions.entries[i].memfd);
    if (handle->ring) munmap(handle->ring, handle->ring_bytes);
    for (i = 0; i < PVI_RING_MAX_SLOTS; i++) pthread_mutex_destroy(&handle->vcpus[i].lock);
    pthread_rwlock_destroy(&handle->regions_lock);
    pthread_mutex_destroy(&handle->request_lock);
    free(handle->path);
    free(handle);
}

uint32_t pviommu_nr_slots(const struct pviommu *handle) {
    return handle->nr_slots;
}

void pviommu_set_spin_iterations(struct pviommu *handle, uint32_t iterations) {
    __atomic_store_n(&handle->spin_iterations, iterations, __ATOMIC_RELAXED);
    __atomic_store_n(&handle->spin_is_set, 1, __ATOMIC_RELAXED);
}

bool client_is_gone(const struct pviommu *handle) {
    return __atomic_load_n(&handle->gone, __ATOMIC_RELAXED) ||
           __atomic_load_n(&handle->ring->service_gone, __ATOMIC_RELAXED);
}

static void mark_gone(struct pviommu *handle) {
    __atomic_store_n(&handle->gone, 1, __ATOMIC_RELAXED);
}

int client_request(struct pviommu *handle, const struct pvi_msg_header *message, int fd, bool *doubtful) {
    struct packet packet;
    int error;

    *doubtful = false;
    if (client_is_gone(handle)) return set_error(PVIOMMU_GONE, "the service has gone");
    error = packet_send(handle->socket, message, message->size, fd);
    if (!error) error = packet_receive(handle->socket, &packet);
    if (error) {
        mark_gone(handle);
        *doubtful = true;
        return error;
    }
    error = message_check_reply(&packet, message->type);
    packet_close_fds(&packet);
    if (error == -EPROTO) {
        mark_gone(handle);
        *doubtful = true;
    }
    return error;
}

/* A request that changes nothing here. */
static int request_alone(struct pviommu *handle, const struct pvi_msg_header *message) {
    bool doubtful;
    int error;

    pthread_mutex_lock(&handle->request_lock);
    error = client_request(handle, message, -1, &doubtful);
    pthread_mutex_unlock(&handle->request_lock);
    return error;
}

/* The request lock is held. The region's memfd is kept, unless the answer is no. */
static int register_region(struct pviommu *handle, struct region *region) {
    struct pvi_msg_register_memory message;
    int added;
    /* Only holders of the request lock change the table, so what fits now fits after the answer. */
    int error = regions_check(&handle->regions, region);

    if (error) return error;
    message_register(&message, region->first_mfn, region->nr_pages, region->fd_offset);
    error = client_request(handle, &message.header, region->memfd, &region->doubtful);
    if (error && !region->doubtful) return error;
    pthread_rwlock_wrlock(&handle->regions_lock);
    added = regions_add(&handle->regions, region);
    pthread_rwlock_unlock(&handle->regions_lock);
    return error ? error : added;
}

int pviommu_register_memory(struct pviommu *handle, int memfd, uint64_t fd_offset, void *mapping, uint64_t first_mfn,
                            uint64_t nr_pages) {
    struct region region = {.mapping = mapping, .first_mfn = first_mfn, .nr_pages = nr_pages, .fd_offset = fd_offset};
    int error;

    if (memfd < 0) return set_error(-EBADF, "memfd=%d", memfd);
    region.memfd = fcntl(memfd, F_DUPFD_CLOEXEC, 0);
    if (region.memfd < 0) return set_error(-errno, "cannot keep memfd=%d: %s", memfd, strerror(errno));
    pthread_mutex_lock(&handle->request_lock);
    error = register_region(handle, &region);
    if (error && !region.doubtful) close(region.memfd);
    pthread_mutex_unlock(&handle->request_lock);
    return error;
}

int pviommu_unregister_memory(struct pviommu *handle, uint64_t first_mfn, uint64_t nr_pages) {
    struct pvi_msg_unregister_memory message;
    struct region *region;
    bool doubtful;
    int error;

    message_unregister(&message, first_mfn, nr_pages);
    pthread_mutex_lock(&handle->request_lock);
    error = client_request(handle, &message.header, -1, &doubtful);
    region = regions_find(&handle->regions, first_mfn, nr_pages);
    if (region && doubtful) region->doubtful = true;
    if (region && !error) {
        close(region->memfd);
        pthread_rwlock_wrlock(&handle->regions_lock);
        regions_remove(&handle->regions, region);
        pthread_rwlock_unlock(&handle->regions_lock);
    }
    pthread_mutex_unlock(&handle->request_lock);
    return error;
}

int pviommu_grant(struct pviommu *handle, const struct pviommu_grant *grant) {
    struct pvi_msg_grant message;

    message_grant(&message, grant);
    return request_alone(handle, &message.header);
}

int pviommu_revoke(struct pviommu *handle, uint32_t grantee_id, uint64_t grantee_first_mfn, int force) {
    struct pvi_msg_revoke message;

    message_revoke(&message, grantee_id, grantee_first_mfn, force);
    return request_alone(handle, &message.header);
}

int pviommu_guest_address(struct pviommu *handle, const void *pointer, uint64_t bytes, uint64_t *address) {
    int error;

    pthread_rwlock_rdlock(&handle->regions_lock);
    error = regions_translate(&handle->regions, pointer, bytes, address);
    pthread_rwlock_unlock(&handle->regions_lock);
    return error;
}

/*
 * A thread keeps the slot that it got by its first call. Threads beyond the number of slots share, which the lock of
 * the slot makes safe; nothing has to be given back when a thread ends.
 */
static int my_slot(struct pviommu *handle) {
    static _Thread_local uint64_t serial;
    static _Thread_local int slot;

    if (serial != handle->serial) {
        slot = (int)(__atomic_fetch_add(&handle->next_slot, 1, __ATOMIC_RELAXED) % handle->nr_slots);
        serial = handle->serial;
    }
    return slot;
}

static long call(struct pviommu *handle, struct slot *slot, unsigned int cmd, uint64_t arg, unsigned int count) {
    int64_t result;

    if (client_is_gone(handle)) return set_error(PVIOMMU_GONE, "the service has gone");
    slot_submit(slot, cmd, arg, count);
    if (slot_wait(slot, __atomic_load_n(&handle->spin_iterations, __ATOMIC_RELAXED), &result) == 0)
        return (long)result;
    mark_gone(handle);
    return PVIOMMU_GONE;
}

long pviommu_op_guest_address(struct pviommu *handle, int slot, unsigned int cmd, uint64_t arg, unsigned int count) {
    struct vcpu *vcpu;
    long result;

    if (slot == PVIOMMU_MY_SLOT) slot = my_slot(handle);
    if (slot < 0 || (uint32_t)slot >= handle->nr_slots)
        return set_error(-EINVAL, "slot=%d of slots=%u", slot, handle->nr_slots);
    vcpu = &handle->vcpus[slot];
    pthread_mutex_lock(&vcpu->lock);
    result = call(handle, &vcpu->slot, cmd, arg, count);
    pthread_mutex_unlock(&vcpu->lock);
    return result;
}

/* Bytes of an element; 1 where there is no such sub-operation, so that the service gets to say so. */
static uint64_t element_bytes(unsigned int cmd) {
    switch (IOMMUOP_CMD_SUBOP(cmd)) {
    case IOMMUOP_query_caps:
        return sizeof(struct iommu_caps);
    case IOMMUOP_map_page:
    case IOMMUOP_unmap_page:
    case IOMMUOP_lookup_page:
        return sizeof(struct iommu_map_op);
    case IOMMUOP_query_reserved:
        return sizeof(struct iommu_reserved_range);
    case IOMMUOP_map_range:
    case IOMMUOP_unmap_range:
        return sizeof(struct iommu_range_op);
    case IOMMUOP_alloc_context:
    case IOMMUOP_free_context:
        return sizeof(struct iommu_context_op);
    case IOMMUOP_attach_device:
        return sizeof(struct iommu_attach_op);
    case IOMMUOP_mixed:
        return sizeof(struct iommu_mixed_op);
    default:
        return 1;
    }
}

long pviommu_op(struct pviommu *handle, int slot, unsigned int cmd, void *arg, unsigned int count) {
    uint64_t address;
    int error = pviommu_guest_address(handle, arg, element_bytes(cmd) * count, &address);

    if (error && count > 0) return error;
    return pviommu_op_guest_address(handle, slot, cmd, error ? 0 : address, count);
}

void pviommu_set_default(struct pviommu *handle) {
    __atomic_store_n(&default_handle, handle, __ATOMIC_RELEASE);
}

long HYPERVISOR_iommu_op(unsigned int cmd, void *arg, unsigned int count) {
    struct pviommu *handle = __atomic_load_n(&default_handle, __ATOMIC_ACQUIRE);

    if (!handle) return set_error(IOMMU_STATUS_ENOSYS, "no default handle: pviommu_set_default() was not called");
    return pviommu_op(handle, PVIOMMU_MY_SLOT, cmd, arg, count);
}
