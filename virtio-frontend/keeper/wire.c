/* SPDX-License-Identifier: Apache-2.0 */
/* Messages on a stream socket: a header of 12 bytes, {le32 request, le32 flags, le32 payload bytes}, and the payload. */

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "keeper.h"

#define HEADER 12

union control {
    char bytes[CMSG_SPACE(MAX_FDS * sizeof(int))];
    struct cmsghdr aligned;
};

uint64_t message_u64(const struct message *message, unsigned int offset) {
    uint64_t value = 0;

    memcpy(&value, message->payload + offset, sizeof(value));
    return value;
}

uint32_t message_u32(const struct message *message, unsigned int offset) {
    uint32_t value = 0;

    memcpy(&value, message->payload + offset, sizeof(value));
    return value;
}

void message_close_fds(struct message *message) {
    for (int i = 0; i < message->nr_fds; i++) close(message->fds[i]);
    message->nr_fds = 0;
}

/* The kernel has limited them to the room there is. */
static void take_fds(struct msghdr *header, struct message *message) {
    for (struct cmsghdr *part = CMSG_FIRSTHDR(header); part; part = CMSG_NXTHDR(header, part)) {
        if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_RIGHTS) {
            int count = (int)((part->cmsg_len - CMSG_LEN(0)) / sizeof(int));

            for (int i = 0; i < count; i++) {
                int fd;

                memcpy(&fd, CMSG_DATA(part) + (size_t)i * sizeof(int), sizeof(fd));
                if (message->nr_fds < MAX_FDS) {
                    message->fds[message->nr_fds++] = fd;
                } else {
                    close(fd);
                }
            }
        }
    }
}

static bool receive_all(int socket, void *into, size_t length, struct message *message) {
    char *at = into;

    while (length > 0) {
        union control control;
        struct iovec piece = {at, length};
        struct msghdr header = {.msg_iov = &piece, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
        ssize_t got = recvmsg(socket, &header, MSG_CMSG_CLOEXEC);

        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        take_fds(&header, message);
        at += got;
        length -= (size_t)got;
    }
    return true;
}

bool message_receive(int socket, struct message *message) {
    uint32_t header[3];

    message->nr_fds = 0;
    if (!receive_all(socket, header, HEADER, message)) goto broken;
    message->request = header[0];
    message->flags = header[1];
    message->size = header[2];
    if (message->size > MAX_PAYLOAD) goto broken;
    memset(message->payload, 0, sizeof(message->payload));
    if (!receive_all(socket, message->payload, message->size, message)) goto broken;
    return true;
broken:
    message_close_fds(message);
    return false;
}

bool message_send(int socket, const struct message *message) {
    char bytes[HEADER + MAX_PAYLOAD];
    size_t length = HEADER + message->size, done = 0;

    memcpy(bytes, &message->request, 4);
    memcpy(bytes + 4, &message->flags, 4);
    memcpy(bytes + 8, &message->size, 4);
    memcpy(bytes + HEADER, message->payload, message->size);
    while (done < length) {
        union control control;
        struct iovec piece = {bytes + done, length - done};
        struct msghdr header = {.msg_iov = &piece, .msg_iovlen = 1};
        ssize_t sent;

        if (done == 0 && message->nr_fds > 0) { /* with the first byte, and once */
            size_t fds = (size_t)message->nr_fds * sizeof(int);
            struct cmsghdr *part;

            memset(&control, 0, sizeof(control));
            header.msg_control = &control;
            header.msg_controllen = CMSG_SPACE(fds);
            part = CMSG_FIRSTHDR(&header);
            part->cmsg_level = SOL_SOCKET;
            part->cmsg_type = SCM_RIGHTS;
            part->cmsg_len = CMSG_LEN(fds);
            memcpy(CMSG_DATA(part), message->fds, fds);
        }
        sent = sendmsg(socket, &header, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0) return false;
        done += (size_t)sent;
    }
    return true;
}
