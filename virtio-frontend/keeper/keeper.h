/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of vhost-keeper, to each other. */

#ifndef KEEPER_H
#define KEEPER_H

#include <stdbool.h>
#include <stdint.h>

#define MAX_PAYLOAD 4096
#define MAX_FDS 8
#define MAX_QUEUES 64
#define MAX_REGIONS 64

/* Requests of the protocol that the keeper has to know. */
enum {
    GET_FEATURES = 1,
    SET_FEATURES = 2,
    SET_OWNER = 3,
    SET_MEM_TABLE = 5,
    SET_VRING_NUM = 8,
    SET_VRING_ADDR = 9,
    SET_VRING_BASE = 10,
    GET_VRING_BASE = 11,
    SET_VRING_KICK = 12,
    SET_VRING_CALL = 13,
    SET_VRING_ERR = 14,
    GET_PROTOCOL_FEATURES = 15,
    SET_PROTOCOL_FEATURES = 16,
    GET_QUEUE_NUM = 17,
    SET_VRING_ENABLE = 18,
    SET_BACKEND_REQ_FD = 21,
    GET_CONFIG = 24,
    RESET_DEVICE = 34,
    GET_MAX_MEM_SLOTS = 36,
    ADD_MEM_REG = 37,
    REM_MEM_REG = 38
};

#define FLAG_VERSION 0x1U
#define FLAG_NEED_REPLY 0x8U
#define PROTOCOL_REPLY_ACK (1ULL << 3)

/* A message, with the descriptors that came along: whoever has it closes them. */
struct message {
    uint32_t request;
    uint32_t flags;
    uint32_t size;
    uint8_t payload[MAX_PAYLOAD];
    int fds[MAX_FDS];
    int nr_fds;
};

/* wire.c. False: the other end is gone, or what it sends is no message. Both wait. */
bool message_receive(int socket, struct message *message);
bool message_send(int socket, const struct message *message);
void message_close_fds(struct message *message);
uint64_t message_u64(const struct message *message, unsigned int offset);
uint32_t message_u32(const struct message *message, unsigned int offset);

/* state.c: what the front-end has said, as far as another back-end has to be told. */
void state_save(struct message *message); /* takes the descriptors */
bool state_replay(int back);
void state_forget(void);
bool state_acknowledges(void); /* whether REPLY_ACK was negotiated */
uint64_t state_features(void);

#endif /* KEEPER_H */
