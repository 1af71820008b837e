/* SPDX-License-Identifier: Apache-2.0 */
/* Going on after the end of a service, against a thread that plays one service after another, step by step. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "check.h"
#include "internal.h"

#define GUEST 7
#define FIRST_MFN 0x100
#define PAGES 4

static char path[64];
static unsigned char *memory; /* of the guest */
static int memfd;
static ino_t inode;

/* What the service does next. */
enum action {
    START,   /* listens, and waits for a guest */
    HELLO,   /* expects that with `flags`, answers WELCOME, or REPLY if `status` is not 0 */
    ANSWER,  /* expects message `type`, answers `status` */
    SWALLOW, /* expects message `type`, and does not answer */
    SERVE,   /* one call, result `status` */
    DIE,     /* closes everything */
};

struct step {
    enum action action;
    uint32_t type;
    uint32_t flags;
    int32_t status;
};

struct service {
    const struct step *steps;
    unsigned int nr_steps;
    int listener;
    int socket;
    int ring_fd;
    int kick;
    int done;
    uint32_t generation;
    unsigned char *ring;
    unsigned int done_steps; /* atomic */
    pthread_t thread;
};

static void start(struct service *service) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    strcpy(address.sun_path, path);
    unlink(path);
    service->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    CHECK(bind(service->listener, (struct sockaddr *)&address, sizeof address) == 0);
    CHECK(listen(service->listener, 8) == 0);
    service->socket = accept4(service->listener, NULL, NULL, SOCK_CLOEXEC);
    CHECK(service->socket >= 0);
    service->ring_fd = -1;
    service->generation = 0;
}

static void reply(const struct service *service, uint32_t request, int32_t status) {
    struct pvi_msg_reply message = {.header = {PVI_MSG_REPLY, sizeof message}, .request = request, .status = status};

    CHECK_NUMBER(packet_send(service->socket, &message, sizeof message, -1), 0);
}

static void welcome(struct service *service) {
    struct pvi_msg_welcome message = {.header = {PVI_MSG_WELCOME, sizeof message}, .magic = PVI_RING_MAGIC,
                                      .version = 1, .slot_bytes = 64, .guest_id = GUEST, .nr_slots = 1,
                                      .ring_bytes = 4096};
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(3 * sizeof(int))];
    } control;
    struct iovec data = {.iov_base = &message, .iov_len = sizeof message};
    struct msghdr packet = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = control.bytes,
                            .msg_controllen = sizeof control.bytes};
    struct cmsghdr *header = CMSG_FIRSTHDR(&packet);
    int fds[3];

    service->ring_fd = memfd_create("ring", MFD_CLOEXEC);
    CHECK(ftruncate(service->ring_fd, 4096) == 0);
    service->ring = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, service->ring_fd, 0);
    ((struct pvi_ring_header *)service->ring)->magic = PVI_RING_MAGIC;
    ((struct pvi_ring_header *)service->ring)->slot_bytes = PVI_SLOT_BYTES;
    service->kick = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    service->done = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    fds[0] = service->ring_fd;
    fds[1] = service->kick;
    fds[2] = service->done;
    memset(&control, 0, sizeof control);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof fds);
    memcpy(CMSG_DATA(header), fds, sizeof fds);
    CHECK(sendmsg(service->socket, &packet, MSG_NOSIGNAL) == sizeof message);
}

/* Every region that is shown must be the very file. */
static void expect(const struct service *service, uint32_t type) {
    struct packet packet;
    struct stat status;

    CHECK_NUMBER(packet_receive(service->socket, &packet), 0);
    CHECK_NUMBER(packet.u.header.type, type);
    if (type == PVI_MSG_REGISTER_MEMORY) {
        CHECK_NUMBER(packet.nr_fds, 1);
        CHECK(fstat(packet.fds[0], &status) == 0 && status.st_ino == inode);
    }
    packet_close_fds(&packet);
}

static void hello(struct service *service, const struct step *step) {
    struct packet packet;
    struct pvi_msg_hello message;

    CHECK_NUMBER(packet_receive(service->socket, &packet), 0);
    CHECK_NUMBER(packet.u.header.type, PVI_MSG_HELLO);
    memcpy(&message, packet.u.bytes, sizeof message);
    CHECK_NUMBER(message.flags, step->flags);
    if (step->status) reply(service, PVI_MSG_HELLO, step->status);
    else welcome(service);
}

static void serve(struct service *service, int64_t result) {
    struct pvi_slot *slot = (struct pvi_slot *)(service->ring + PVI_RING_HEADER_BYTES);
    const uint64_t one = 1;

    service->generation++;
    while (__atomic_load_n(&slot->word, __ATOMIC_ACQUIRE) != PVI_SLOT_WORD(service->generation, PVI_SLOT_READY))
        usleep(100);
    slot->result = result;
    __atomic_store_n(&slot->word, PVI_SLOT_WORD(service->generation, PVI_SLOT_DONE), __ATOMIC_RELEASE);
    CHECK(write(service->done, &one, sizeof one) == sizeof one);
}

static void die(struct service *service) {
    close(service->listener);
    close(service->socket);
    if (service->ring_fd < 0) return;
    munmap(service->ring, 4096);
    close(service->ring_fd);
    close(service->kick);
    close(service->done);
}

static void *play(void *argument) {
    struct service *service = argument;
    unsigned int i;

    for (i = 0; i < service->nr_steps; i++) {
        const struct step *step = &service->steps[i];

        switch (step->action) {
        case START:
            start(service);
            break;
        case HELLO:
            hello(service, step);
            break;
        case ANSWER:
            expect(service, step->type);
            reply(service, step->type, step->status);
            break;
        case SWALLOW:
            expect(service, step->type);
            break;
        case SERVE:
            serve(service, step->status);
            break;
        case DIE:
            die(service);
            break;
        }
        __atomic_store_n(&service->done_steps, i + 1, __ATOMIC_RELEASE);
    }
    return NULL;
}

static void begin(struct service *service, const struct step *steps, unsigned int nr_steps) {
    memset(service, 0, sizeof *service);
    service->steps = steps;
    service->nr_steps = nr_steps;
    CHECK(pthread_create(&service->thread, NULL, play, service) == 0);
}

static void await_step(const struct service *service, unsigned int step) {
    while (__atomic_load_n(&service->done_steps, __ATOMIC_ACQUIRE) < step) usleep(100);
}

static struct pviommu *join(void) {
    struct pviommu *guest = NULL;
    int error = -1;

    while (error) error = pviommu_connect(path, GUEST, 1, &guest); /* until the thread listens */
    CHECK_NUMBER(pviommu_register_memory(guest, memfd, 0, memory, FIRST_MFN, PAGES), 0);
    return guest;
}

static long call(struct pviommu *guest) {
    return pviommu_op(guest, PVIOMMU_MY_SLOT, IOMMUOP_map_page, memory, 1);
}

#define FIRST_LIFE {START, 0, 0, 0}, {HELLO, 0, 0, 0}, {ANSWER, PVI_MSG_REGISTER_MEMORY, 0, 0}
#define NEXT_LIFE {START, 0, 0, 0}, {HELLO, 0, PVI_HELLO_RESUME, 0}
#define COUNT(steps) (sizeof(steps) / sizeof((steps)[0]))

static void should_go_on_with_the_same_memory(void) {
    static const struct step steps[] = {
        FIRST_LIFE, {SERVE, 0, 0, 5}, {DIE, 0, 0, 0},
        NEXT_LIFE, {ANSWER, PVI_MSG_REGISTER_MEMORY, 0, 0}, {ANSWER, PVI_MSG_RESUME, 0, -EBUSY},
        {ANSWER, PVI_MSG_RESUME, 0, 0}, {SERVE, 0, 0, 6}, {DIE, 0, 0, 0},
    };
    struct service service;
    struct pviommu *guest;

    begin(&service, steps, COUNT(steps));
    guest = join();
    CHECK_NUMBER(call(guest), 5);
    CHECK_NUMBER(call(guest), PVIOMMU_GONE); /* under way, or just submitted, when the service dies */
    CHECK_NUMBER(call(guest), PVIOMMU_GONE);
    CHECK_NUMBER(pviommu_reconnect(guest, -1), 0);
    CHECK_NUMBER(call(guest), 6);
    pthread_join(service.thread, NULL);
    pviommu_close(guest);
}

/* An end that nobody has noticed by a call is one as well; a connection that stands is not given up. */
static void should_notice_whether_the_service_is_there(void) {
    static const struct step steps[] = {
        FIRST_LIFE, {SERVE, 0, 0, 5}, {DIE, 0, 0, 0},
        NEXT_LIFE, {ANSWER, PVI_MSG_REGISTER_MEMORY, 0, 0}, {ANSWER, PVI_MSG_RESUME, 0, 0}, {DIE, 0, 0, 0},
    };
    struct service service;
    struct pviommu *guest;

    begin(&service, steps, COUNT(steps));
    guest = join();
    CHECK_NUMBER(pviommu_reconnect(guest, -1), -EISCONN);
    CHECK_NUMBER(call(guest), 5);
    await_step(&service, 5);
    CHECK_NUMBER(pviommu_reconnect(guest, -1), 0);
    pthread_join(service.thread, NULL);
    pviommu_close(guest);
}

static void should_say_when_the_guest_is_not_waited_for(void) {
    static const struct step steps[] = {
        FIRST_LIFE, {DIE, 0, 0, 0}, {START, 0, 0, 0}, {HELLO, 0, PVI_HELLO_RESUME, -ENOENT}, {DIE, 0, 0, 0},
    };
    struct service service;
    struct pviommu *guest;

    begin(&service, steps, COUNT(steps));
    guest = join();
    await_step(&service, 4);
    CHECK_NUMBER(pviommu_reconnect(guest, -1), -ENOENT);
    CHECK_NUMBER(call(guest), PVIOMMU_GONE);
    pthread_join(service.thread, NULL);
    pviommu_close(guest);
}

static void should_give_up_in_time_and_try_again(void) {
    static const struct step first[] = {FIRST_LIFE, {DIE, 0, 0, 0}};
    static const struct step second[] = {
        NEXT_LIFE, {ANSWER, PVI_MSG_REGISTER_MEMORY, 0, 0}, {ANSWER, PVI_MSG_RESUME, 0, -EINVAL}, {DIE, 0, 0, 0},
    };
    struct service service;
    struct pviommu *guest;

    begin(&service, first, COUNT(first));
    guest = join();
    pthread_join(service.thread, NULL);
    CHECK_NUMBER(pviommu_reconnect(guest, 30), -ETIMEDOUT);
    CHECK_CONTAINS(pviommu_last_error(), "cannot connect");
    unlink(path);
    CHECK_NUMBER(pviommu_reconnect(guest, 0), -ETIMEDOUT);
    begin(&service, second, COUNT(second));
    CHECK_NUMBER(pviommu_reconnect(guest, -1), -EINVAL);
    CHECK_NUMBER(call(guest), PVIOMMU_GONE);
    pthread_join(service.thread, NULL);
    pviommu_close(guest);
}

/* The service died with a register under way: it has the second region (`has`), or not. */
static void lose_a_register(const struct step *steps, unsigned int nr_steps, int expected) {
    struct service service;
    struct pviommu *guest;
    uint64_t address = 0;

    begin(&service, steps, nr_steps);
    guest = join();
    CHECK_NUMBER(pviommu_register_memory(guest, memfd, 0, NULL, 0x200, PAGES), PVIOMMU_GONE);
    CHECK_NUMBER(pviommu_reconnect(guest, -1), 0);
    CHECK_NUMBER(guest->regions.count, expected);
    CHECK_NUMBER(pviommu_guest_address(guest, memory, 8, &address), 0);
    CHECK_NUMBER(address, FIRST_MFN << 12);
    pthread_join(service.thread, NULL);
    pviommu_close(guest);
}

static void should_find_out_what_a_lost_register_came_to(void) {
    static const struct step without[] = {
        FIRST_LIFE, {SWALLOW, PVI_MSG_REGISTER_MEMORY, 0, 0}, {DIE, 0, 0, 0},
        NEXT_LIFE, {ANSWER, PVI_MSG_REGISTER_MEMORY, 0, 0}, {ANSWER, PVI_MSG_RESUME, 0, 0}, {DIE, 0, 0, 0},
    };
    static const struct step with[] = {
        FIRST_LIFE, {SWALLOW, PVI_MSG_REGISTER_MEMORY, 0, 0}, {DIE, 0, 0, 0},
        NEXT_LIFE, {ANSWER, PVI_MSG_REGISTER_MEMORY, 0, 0}, {ANSWER, PVI_MSG_RESUME, 0, -EINVAL},
        {ANSWER, PVI_MSG_REGISTER_MEMORY, 0, 0}, {ANSWER, PVI_MSG_RESUME, 0, 0}, {DIE, 0, 0, 0},
    };

    lose_a_register(without, COUNT(without), 1);
    lose_a_register(with, COUNT(with), 2);
}

static void should_find_out_what_a_lost_unregister_came_to(void) {
    static const struct step steps[] = {
        FIRST_LIFE, {SWALLOW, PVI_MSG_UNREGISTER_MEMORY, 0, 0}, {DIE, 0, 0, 0},
        NEXT_LIFE, {ANSWER, PVI_MSG_RESUME, 0, 0}, {DIE, 0, 0, 0},
    };
    struct service service;
    struct pviommu *guest;
    uint64_t address;

    begin(&service, steps, COUNT(steps));
    guest = join();
    CHECK_NUMBER(pviommu_unregister_memory(guest, FIRST_MFN, PAGES), PVIOMMU_GONE);
    CHECK_NUMBER(pviommu_reconnect(guest, -1), 0);
    CHECK_NUMBER(guest->regions.count, 0);
    CHECK_NUMBER(pviommu_guest_address(guest, memory, 8, &address), -EFAULT);
    pthread_join(service.thread, NULL);
    pviommu_close(guest);
}

int main(void) {
    struct stat status;

    snprintf(path, sizeof path, "/tmp/pviommu-test-%d.sock", (int)getpid());
    memfd = memfd_create("guest", MFD_CLOEXEC);
    CHECK(ftruncate(memfd, PAGES * 4096) == 0 && fstat(memfd, &status) == 0);
    inode = status.st_ino;
    memory = mmap(NULL, PAGES * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
    CHECK(memory != MAP_FAILED);
    RUN(should_go_on_with_the_same_memory);
    RUN(should_notice_whether_the_service_is_there);
    RUN(should_say_when_the_guest_is_not_waited_for);
    RUN(should_give_up_in_time_and_try_again);
    RUN(should_find_out_what_a_lost_register_came_to);
    RUN(should_find_out_what_a_lost_unregister_came_to);
    unlink(path);
    return 0;
}
