/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vhost-keeper: stands between a virtual machine monitor and a vhost-user back-end, so that the back-end may go and come
 * again. The monitor's connection stays; when the back-end's breaks, a new one is made, and the new back-end is told
 * all that the monitor had said to the old one. For monitors, or devices of theirs, that cannot do that themselves:
 * QEMU's generic vhost-user device for one.
 *
 * Usage: vhost-keeper LISTEN-SOCKET BACK-END-SOCKET
 * One monitor at a time; after it has gone the next may come. Data does not pass through here: it is in the guest's memory,
 * and notifications are event descriptors that both ends have.
 */

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "keeper.h"

#define RETRY_MS 50

static const char *back_path;
static int front = -1, back = -1;

static struct sockaddr_un address_of(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    if (strlen(path) >= sizeof(address.sun_path)) {
        fprintf(stderr, "vhost-keeper: path of %zu bytes, max=%zu: %s\n", strlen(path), sizeof(address.sun_path) - 1, path);
        exit(2);
    }
    strcpy(address.sun_path, path);
    return address;
}

static int listen_at(const char *path) {
    struct sockaddr_un address = address_of(path);
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    mode_t before = umask(0077); /* whoever may connect has the guest's memory */

    unlink(path);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof(address)) != 0 || listen(listener, 1) != 0) {
        perror(path);
        exit(2);
    }
    umask(before);
    return listener;
}

static int connect_once(void) {
    struct sockaddr_un address = address_of(back_path);
    int connection = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (connection >= 0 && connect(connection, (struct sockaddr *)&address, sizeof(address)) == 0) return connection;
    if (connection >= 0) close(connection);
    return -1;
}

static void close_back(void) {
    if (back >= 0) close(back);
    back = -1;
}

/* What the monitor was promised has to be there still. */
static bool offers_what_was_agreed(int connection) {
    struct message message = {.request = GET_FEATURES, .flags = FLAG_VERSION};
    uint64_t offered;

    if (!message_send(connection, &message) || !message_receive(connection, &message)) return false;
    offered = message_u64(&message, 0);
    if ((state_features() & ~offered) == 0) return true;
    fprintf(stderr, "vhost-keeper: the back-end lacks features=0x%llx\n", (unsigned long long)(state_features() & ~offered));
    return false;
}

/* Until there is a back-end that knows everything; false when the monitor has gone meanwhile. */
static bool find_back(void) {
    while (back < 0) {
        struct pollfd gone = {.fd = front, .events = POLLRDHUP};
        int connection = connect_once();

        if (connection >= 0) {
            if (offers_what_was_agreed(connection) && state_replay(connection)) {
                back = connection;
                fprintf(stderr, "vhost-keeper: connected to %s\n", back_path);
                break;
            }
            close(connection);
        }
        if (poll(&gone, 1, RETRY_MS) > 0) return false;
    }
    return true;
}

static bool has_answer(const struct message *message) {
    switch (message->request) {
    case GET_FEATURES:
    case GET_PROTOCOL_FEATURES:
    case GET_QUEUE_NUM:
    case GET_VRING_BASE:
    case GET_CONFIG:
    case GET_MAX_MEM_SLOTS:
        return true;
    default:
        return (message->flags & FLAG_NEED_REPLY) && state_acknowledges();
    }
}

/* Passes a message on, and its answer back, to as many back-ends as it takes. */
static bool pass(struct message *message) {
    struct message answer;

    for (;;) {
        if (!find_back()) return false;
        if (message_send(back, message) && (!has_answer(message) || message_receive(back, &answer))) break;
        close_back();
    }
    if (has_answer(message)) {
        bool sent = message_send(front, &answer);

        message_close_fds(&answer);
        if (!sent) return false;
    }
    state_save(message);
    return true;
}

/* Until the monitor goes. A back-end says nothing unasked, so what comes from it is its end. */
static void serve(void) {
    bool alive = true;

    while (alive) {
        struct message message;
        struct pollfd ends[2] = {{.fd = front, .events = POLLIN}, {.fd = back, .events = POLLIN}};

        if (poll(ends, back >= 0 ? 2 : 1, -1) < 0) {
            if (errno == EINTR) continue;
            return;
        }
        if (ends[0].revents) {
            alive = message_receive(front, &message) && pass(&message);
            if (!alive) message_close_fds(&message);
        } else if (back >= 0 && ends[1].revents) {
            fprintf(stderr, "vhost-keeper: the back-end has gone, waiting for the next\n");
            close_back();
            alive = find_back();
        }
    }
}

int main(int count, char **arguments) {
    int listener;

    if (count != 3) {
        fprintf(stderr, "usage: vhost-keeper LISTEN-SOCKET BACK-END-SOCKET\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    back_path = arguments[2];
    listener = listen_at(arguments[1]);
    for (;;) {
        front = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (front < 0) {
            if (errno == EINTR || errno == ECONNABORTED) continue;
            perror("accept");
            return 1;
        }
        serve();
        close(front);
        close_back();
        state_forget();
    }
}
