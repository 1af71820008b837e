/* SPDX-License-Identifier: Apache-2.0 */
/* Messages byte by byte as the contract says, and refusal of every answer that is not. */
#define _GNU_SOURCE
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "internal.h"

static uint32_t u32_at(const void *message, size_t offset) {
    uint32_t value;

    memcpy(&value, (const char *)message + offset, sizeof value);
    return value;
}

static uint64_t u64_at(const void *message, size_t offset) {
    uint64_t value;

    memcpy(&value, (const char *)message + offset, sizeof value);
    return value;
}

static void should_encode_hello(void) {
    struct pvi_msg_hello message;

    memset(&message, 0xff, sizeof message);
    message_hello(&message, 7, 4, 0);
    CHECK_NUMBER(u32_at(&message, 0), 1);
    CHECK_NUMBER(u32_at(&message, 4), 32);
    CHECK(memcmp((char *)&message + 8, "PVIR", 4) == 0);
    CHECK_NUMBER(u32_at(&message, 12), 1 | 1 << 16);
    CHECK_NUMBER(u32_at(&message, 16), 7);
    CHECK_NUMBER(u32_at(&message, 20), 4);
    CHECK_NUMBER(u64_at(&message, 24), 0);
}

static void should_encode_resume(void) {
    struct pvi_msg_hello hello;
    struct pvi_msg_resume message;

    message_hello(&hello, 7, 4, PVI_HELLO_RESUME);
    CHECK_NUMBER(u32_at(&hello, 24), 1);
    CHECK_NUMBER(u32_at(&hello, 28), 0);
    memset(&message, 0xff, sizeof message);
    message_resume(&message);
    CHECK_NUMBER(u32_at(&message, 0), 8);
    CHECK_NUMBER(u32_at(&message, 4), 16);
    CHECK_NUMBER(u64_at(&message, 8), 0);
}

static void should_encode_memory_messages(void) {
    struct pvi_msg_register_memory add;
    struct pvi_msg_unregister_memory del;

    memset(&add, 0xff, sizeof add);
    message_register(&add, 0x100000000, 3, 0x2000);
    CHECK_NUMBER(u32_at(&add, 0), 3);
    CHECK_NUMBER(u32_at(&add, 4), 40);
    CHECK_NUMBER(u64_at(&add, 8), 0x100000000);
    CHECK_NUMBER(u64_at(&add, 16), 3);
    CHECK_NUMBER(u64_at(&add, 24), 0x2000);
    CHECK_NUMBER(u64_at(&add, 32), 0);

    memset(&del, 0xff, sizeof del);
    message_unregister(&del, 5, 6);
    CHECK_NUMBER(u32_at(&del, 0), 4);
    CHECK_NUMBER(u32_at(&del, 4), 24);
    CHECK_NUMBER(u64_at(&del, 8), 5);
    CHECK_NUMBER(u64_at(&del, 16), 6);
}

static void should_encode_grant_messages(void) {
    struct pviommu_grant grant = {
        .first_mfn = 0x100000000, .nr_pages = 3, .grantee_id = 7, .writeable = 1, .grantee_first_mfn = 0x200000000};
    struct pvi_msg_grant give;
    struct pvi_msg_revoke take;

    memset(&give, 0xff, sizeof give);
    message_grant(&give, &grant);
    CHECK_NUMBER(u32_at(&give, 0), 6);
    CHECK_NUMBER(u32_at(&give, 4), 48);
    CHECK_NUMBER(u64_at(&give, 8), 0x100000000);
    CHECK_NUMBER(u64_at(&give, 16), 3);
    CHECK_NUMBER(u64_at(&give, 24), 0x200000000);
    CHECK_NUMBER(u32_at(&give, 32), 7);
    CHECK_NUMBER(u32_at(&give, 36), 3);
    CHECK_NUMBER(u64_at(&give, 40), 0);
    grant.writeable = 0;
    message_grant(&give, &grant);
    CHECK_NUMBER(u32_at(&give, 36), 1);

    memset(&take, 0xff, sizeof take);
    message_revoke(&take, 7, 0x200000000, 0);
    CHECK_NUMBER(u32_at(&take, 0), 7);
    CHECK_NUMBER(u32_at(&take, 4), 24);
    CHECK_NUMBER(u64_at(&take, 8), 0x200000000);
    CHECK_NUMBER(u32_at(&take, 16), 7);
    CHECK_NUMBER(u32_at(&take, 20), 0);
    message_revoke(&take, 7, 0x200000000, 2);
    CHECK_NUMBER(u32_at(&take, 20), 1);
}

/* The right answer to a HELLO of guest 7 that wants 4 slots. */
static struct packet welcome_packet(void) {
    struct pvi_msg_welcome welcome = {
        .header = {PVI_MSG_WELCOME, sizeof welcome},
        .magic = PVI_RING_MAGIC,
        .version = 1,
        .slot_bytes = 64,
        .guest_id = 7,
        .nr_slots = 3,
        .ring_bytes = 4096,
        .spin_iterations = 1000,
    };
    struct packet packet;

    memset(&packet, 0, sizeof packet);
    memcpy(packet.u.bytes, &welcome, sizeof welcome);
    packet.size = sizeof welcome;
    packet.nr_fds = 7;
    return packet;
}

static int check_welcome(const struct packet *packet) {
    struct pvi_msg_hello hello;
    struct pvi_msg_welcome welcome;

    message_hello(&hello, 7, 4, 0);
    return message_check_welcome(packet, &hello, &welcome);
}

static void should_accept_welcome(void) {
    struct packet packet = welcome_packet();

    CHECK_NUMBER(check_welcome(&packet), 0);
}

/* A field with another value is refused, and the message names field and value. */
static void refuses_field(size_t offset, uint32_t value, const char *name) {
    struct packet packet = welcome_packet();

    memcpy(packet.u.bytes + offset, &value, sizeof value);
    CHECK_NUMBER(check_welcome(&packet), -EPROTO);
    CHECK_CONTAINS(pviommu_last_error(), name);
}

static void should_refuse_bad_welcome(void) {
    struct packet packet = welcome_packet();

    refuses_field(0, 77, "type=77");
    refuses_field(4, 41, "size=41");
    refuses_field(8, 1, "magic=0x1");
    refuses_field(12, 2 | 64 << 16, "version=2");
    refuses_field(12, 0 | 64 << 16, "version=0");
    refuses_field(12, 1 | 128 << 16, "slot_bytes=128");
    refuses_field(16, 8, "guest_id=8");
    refuses_field(20, 0, "nr_slots=0");
    refuses_field(20, 5, "nr_slots=5");
    refuses_field(20, 2, "fds=7 expected=5");
    refuses_field(24, 64 + 3 * 64 - 1, "ring_bytes=255");
    refuses_field(36, 9, "reserved=9");
    packet.size = 7;
    CHECK_NUMBER(check_welcome(&packet), -EPROTO);
    CHECK_CONTAINS(pviommu_last_error(), "bytes=7");
}

static struct packet reply_packet(uint32_t request, int32_t status) {
    struct pvi_msg_reply reply = {
        .header = {PVI_MSG_REPLY, sizeof reply}, .request = request, .status = status, .message = "guest 7 is taken"};
    struct packet packet;

    memset(&packet, 0, sizeof packet);
    memcpy(packet.u.bytes, &reply, sizeof reply);
    packet.size = sizeof reply;
    return packet;
}

static void should_pass_on_refusals(void) {
    struct packet refused = reply_packet(PVI_MSG_HELLO, -EBUSY);
    struct packet senseless = reply_packet(PVI_MSG_HELLO, 0);

    CHECK_NUMBER(check_welcome(&refused), -EBUSY);
    CHECK_CONTAINS(pviommu_last_error(), "guest 7 is taken");
    CHECK_NUMBER(check_welcome(&senseless), -EPROTO);
}

static void should_check_replies(void) {
    struct packet good = reply_packet(PVI_MSG_REGISTER_MEMORY, 0);
    struct packet positive = reply_packet(PVI_MSG_REGISTER_MEMORY, 5);
    struct packet with_fd = good;
    struct packet unterminated = reply_packet(PVI_MSG_REGISTER_MEMORY, -EINVAL);

    CHECK_NUMBER(message_check_reply(&good, PVI_MSG_REGISTER_MEMORY), 0);
    CHECK_NUMBER(message_check_reply(&good, PVI_MSG_UNREGISTER_MEMORY), -EPROTO);
    CHECK_NUMBER(message_check_reply(&positive, PVI_MSG_REGISTER_MEMORY), -EPROTO);
    with_fd.nr_fds = 1;
    CHECK_NUMBER(message_check_reply(&with_fd, PVI_MSG_REGISTER_MEMORY), -EPROTO);
    memset(unterminated.u.bytes + 16, 'x', PVI_REPLY_TEXT_BYTES);
    CHECK_NUMBER(message_check_reply(&unterminated, PVI_MSG_REGISTER_MEMORY), -EINVAL);
}

static void should_carry_a_descriptor(void) {
    struct pvi_msg_unregister_memory message;
    struct packet packet;
    int sockets[2];
    int ends[2];
    char byte = 0;

    CHECK_NUMBER(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sockets), 0);
    CHECK_NUMBER(pipe(ends), 0);
    message_unregister(&message, 1, 2);
    CHECK_NUMBER(packet_send(sockets[0], &message, sizeof message, ends[1]), 0);
    CHECK_NUMBER(packet_receive(sockets[1], &packet), 0);
    CHECK_NUMBER(packet.size, sizeof message);
    CHECK_NUMBER(packet.nr_fds, 1);
    CHECK_NUMBER(write(packet.fds[0], "!", 1), 1);
    CHECK_NUMBER(read(ends[0], &byte, 1), 1);
    CHECK_NUMBER(byte, '!');
    packet_close_fds(&packet);
    CHECK_NUMBER(packet.nr_fds, 0);
    close(ends[0]);
    close(ends[1]);

    close(sockets[0]);
    CHECK_NUMBER(packet_receive(sockets[1], &packet), PVIOMMU_GONE);
    CHECK_NUMBER(packet_send(sockets[1], &message, sizeof message, -1), PVIOMMU_GONE);
    close(sockets[1]);
}

static void should_refuse_packets_that_are_too_long(void) {
    char big[PVI_MSG_MAX + 1] = {0};
    struct packet packet;
    int sockets[2];

    CHECK_NUMBER(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sockets), 0);
    CHECK_NUMBER(packet_send(sockets[0], big, sizeof big, sockets[0]), 0);
    CHECK_NUMBER(packet_receive(sockets[1], &packet), -EPROTO);
    CHECK_NUMBER(packet.nr_fds, 0);
    CHECK_NUMBER(packet_send(sockets[0], big, PVI_MSG_MAX, -1), 0);
    CHECK_NUMBER(packet_receive(sockets[1], &packet), 0);
    CHECK_NUMBER(packet.size, PVI_MSG_MAX);
    close(sockets[0]);
    close(sockets[1]);
}

int main(void) {
    RUN(should_encode_hello);
    RUN(should_encode_resume);
    RUN(should_encode_memory_messages);
    RUN(should_encode_grant_messages);
    RUN(should_accept_welcome);
    RUN(should_refuse_bad_welcome);
    RUN(should_pass_on_refusals);
    RUN(should_check_replies);
    RUN(should_carry_a_descriptor);
    RUN(should_refuse_packets_that_are_too_long);
    return 0;
}
