/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the front-end has said. Of each message the last one counts, per queue where it is about one; regions of memory come and go.
 *
 * Where a queue goes on is in the guest's memory: a back-end that completes what it takes, in order, has taken as many
 * requests as its used index says. One that was killed may have executed a few more, which are then executed again.
 */

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "keeper.h"

#define NO_FD 0x100U /* instead of a descriptor: there is none */
#define QUEUE_MASK 0xffU

struct queue {
    struct message *number, *address, *base, *kick, *call, *error, *enable;
};

static struct message *owner, *features, *protocol, *back_channel, *table, *regions[MAX_REGIONS];
static struct queue queues[MAX_QUEUES];

static void drop(struct message **slot) {
    if (*slot) message_close_fds(*slot);
    free(*slot);
    *slot = NULL;
}

static void keep(struct message **slot, struct message *message) {
    drop(slot);
    *slot = malloc(sizeof(**slot));
    if (!*slot) abort(); /* a keeper that forgets is worse than none */
    **slot = *message;
    message->nr_fds = 0;
}

static void keep_region(struct message *message) {
    for (int i = 0; i < MAX_REGIONS; i++) {
        if (!regions[i]) {
            keep(&regions[i], message);
            return;
        }
    }
}

/* ADD_MEM_REG and REM_MEM_REG: 8 le64 guest address, 16 le64 size, 24 le64 user address, 32 le64 offset. */
static void drop_region(const struct message *message) {
    for (int i = 0; i < MAX_REGIONS; i++) {
        if (regions[i] && message_u64(regions[i], 8) == message_u64(message, 8)) drop(&regions[i]);
    }
}

static void stop(struct queue *queue) {
    drop(&queue->kick);
    drop(&queue->call);
}

/* A device reset: all queues begin anew, and only who is told of a broken one stays. */
static void reset_queues(void) {
    for (int i = 0; i < MAX_QUEUES; i++) {
        struct queue *queue = &queues[i];

        stop(queue);
        drop(&queue->number);
        drop(&queue->address);
        drop(&queue->base);
        drop(&queue->enable);
    }
}

static void drop_queues(void) {
    reset_queues();
    for (int i = 0; i < MAX_QUEUES; i++) drop(&queues[i].error);
}

static void save_queue(struct message *message) {
    uint32_t index = message_u32(message, 0) & QUEUE_MASK;
    struct queue *queue;

    if (index >= MAX_QUEUES) return;
    queue = &queues[index];
    switch (message->request) {
    case SET_VRING_NUM: keep(&queue->number, message); break;
    case SET_VRING_ADDR: keep(&queue->address, message); break;
    case SET_VRING_BASE: keep(&queue->base, message); break;
    case SET_VRING_KICK: keep(&queue->kick, message); break;
    case SET_VRING_CALL: keep(&queue->call, message); break;
    case SET_VRING_ERR: keep(&queue->error, message); break;
    case SET_VRING_ENABLE: keep(&queue->enable, message); break;
    case GET_VRING_BASE: stop(queue); break;
    default: break;
    }
}

void state_save(struct message *message) {
    switch (message->request) {
    case SET_OWNER: keep(&owner, message); break;
    case SET_FEATURES: keep(&features, message); break;
    case SET_PROTOCOL_FEATURES: keep(&protocol, message); break;
    case SET_BACKEND_REQ_FD: keep(&back_channel, message); break;
    case SET_MEM_TABLE: keep(&table, message); break;
    case ADD_MEM_REG: keep_region(message); break;
    case REM_MEM_REG: drop_region(message); break;
    case RESET_DEVICE: reset_queues(); break;
    default: save_queue(message); break;
    }
    message_close_fds(message);
}

void state_forget(void) {
    drop(&owner);
    drop(&features);
    drop(&protocol);
    drop(&back_channel);
    drop(&table);
    for (int i = 0; i < MAX_REGIONS; i++) drop(&regions[i]);
    drop_queues();
}

bool state_acknowledges(void) { return protocol && (message_u64(protocol, 0) & PROTOCOL_REPLY_ACK); }

uint64_t state_features(void) { return features ? message_u64(features, 0) : 0; }

/* Two bytes of the front-end's memory; false when they are in no region. `at`: {guest, size, user, offset} of a region. */
static bool read_region(const struct message *message, unsigned int at, int fd, uint64_t user, uint16_t *value) {
    uint64_t size = message_u64(message, at + 8), offset = user - message_u64(message, at + 16);
    uint64_t in_file = message_u64(message, at + 24) + offset, page;
    uint8_t *mapped;

    if (offset >= size || size - offset < sizeof(*value)) return false;
    page = in_file & ~4095ULL;
    mapped = mmap(NULL, 8192, PROT_READ, MAP_SHARED, fd, (off_t)page);
    if (mapped == MAP_FAILED) return false;
    memcpy(value, mapped + (in_file - page), sizeof(*value));
    munmap(mapped, 8192);
    return true;
}

static bool read_user(uint64_t user, uint16_t *value) {
    for (int i = 0; table && i < table->nr_fds; i++) {
        if (read_region(table, 8 + 32 * (unsigned int)i, table->fds[i], user, value)) return true;
    }
    for (int i = 0; i < MAX_REGIONS; i++) {
        if (regions[i] && regions[i]->nr_fds == 1 && read_region(regions[i], 8, regions[i]->fds[0], user, value)) return true;
    }
    return false;
}

/* Never with a demand for an acknowledgement, which nobody would read. */
static bool replay(int back, const struct message *message) {
    struct message copy;

    if (!message) return true;
    copy = *message;
    copy.flags = FLAG_VERSION;
    return message_send(back, &copy);
}

/* SET_VRING_ADDR: 0 le32 index, 4 le32 flags, 8 le64 descriptors, 16 le64 used, 24 le64 available. */
static bool replay_base(int back, const struct queue *queue, uint32_t index) {
    struct message base = {.request = SET_VRING_BASE, .flags = FLAG_VERSION, .size = 8};
    uint16_t used;

    if (!queue->kick || !queue->address || !read_user(message_u64(queue->address, 16) + 2, &used)) {
        return replay(back, queue->base);
    }
    memcpy(base.payload, &index, 4);
    memcpy(base.payload + 4, &(uint32_t){used}, 4);
    return message_send(back, &base);
}

static bool replay_queue(int back, const struct queue *queue, uint32_t index) {
    return replay(back, queue->number) && replay_base(back, queue, index) && replay(back, queue->address) &&
           replay(back, queue->kick) && replay(back, queue->call) && replay(back, queue->error) &&
           replay(back, queue->enable);
}

/* A notification may have been lost in either direction; one too many does no harm. */
static void notify(const struct message *event) {
    uint64_t one = 1;

    if (event && event->nr_fds == 1 && !(message_u32(event, 0) & NO_FD)) {
        ssize_t ignored = write(event->fds[0], &one, sizeof(one));

        (void)ignored;
    }
}

bool state_replay(int back) {
    bool good = replay(back, owner) && replay(back, protocol) && replay(back, back_channel) && replay(back, features) &&
                replay(back, table);

    for (int i = 0; good && i < MAX_REGIONS; i++) good = replay(back, regions[i]);
    for (uint32_t i = 0; good && i < MAX_QUEUES; i++) good = replay_queue(back, &queues[i], i);
    for (int i = 0; good && i < MAX_QUEUES; i++) {
        notify(queues[i].kick);
        notify(queues[i].call);
    }
    return good;
}
