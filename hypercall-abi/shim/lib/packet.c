/* SPDX-License-Identifier: Apache-2.0 */
/* Packets with file descriptors over the set-up socket. */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "internal.h"

int packet_send(int socket, const void *message, size_t size, int fd) {
    union {
        struct cmsghdr header; /* for the alignment */
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec data = {.iov_base = (void *)message, .iov_len = size};
    struct msghdr packet = {.msg_iov = &data, .msg_iovlen = 1};
    ssize_t sent;

    if (fd >= 0) {
        struct cmsghdr *header;

        memset(&control, 0, sizeof control);
        packet.msg_control = control.bytes;
        packet.msg_controllen = sizeof control.bytes;
        header = CMSG_FIRSTHDR(&packet);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof fd);
        memcpy(CMSG_DATA(header), &fd, sizeof fd);
    }
    do sent = sendmsg(socket, &packet, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent >= 0) return 0;
    if (errno == EPIPE || errno == ECONNRESET) return set_error(PVIOMMU_GONE, "the service closed the connection");
    return set_error(-errno, "cannot send to the service: %s", strerror(errno));
}

static void take_fds(struct msghdr *message, struct packet *packet) {
    struct cmsghdr *header;

    packet->nr_fds = 0;
    for (header = CMSG_FIRSTHDR(message); header; header = CMSG_NXTHDR(message, header)) {
        size_t bytes = header->cmsg_len - CMSG_LEN(0);

        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
        /* Cannot exceed the array: the control buffer has room for MAX_FDS, and the kernel sends one such header. */
        memcpy(packet->fds + packet->nr_fds, CMSG_DATA(header), bytes);
        packet->nr_fds += (unsigned int)(bytes / sizeof(int));
    }
}

int packet_receive(int socket, struct packet *packet) {
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int) * MAX_FDS)];
    } control;
    struct iovec data = {.iov_base = packet->u.bytes, .iov_len = sizeof packet->u.bytes};
    struct msghdr message = {
        .msg_iov = &data,
        .msg_iovlen = 1,
        .msg_control = control.bytes,
        .msg_controllen = sizeof control.bytes,
    };
    ssize_t received;

    packet->nr_fds = 0;
    do received = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    while (received < 0 && errno == EINTR);
    if (received < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return set_error(-ETIMEDOUT, "no answer from the service in time");
    if (received == 0 || (received < 0 && errno == ECONNRESET))
        return set_error(PVIOMMU_GONE, "the service closed the connection");
    if (received < 0) return set_error(-errno, "cannot receive from the service: %s", strerror(errno));
    take_fds(&message, packet);
    packet->size = (size_t)received;
    if (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
        packet_close_fds(packet);
        return set_error(-EPROTO, "message of the service is longer than bytes=%d or has more fds than %u", PVI_MSG_MAX,
                         MAX_FDS);
    }
    return 0;
}

void packet_close_fds(struct packet *packet) {
    unsigned int i;

    for (i = 0; i < packet->nr_fds; i++) close(packet->fds[i]);
    packet->nr_fds = 0;
}
