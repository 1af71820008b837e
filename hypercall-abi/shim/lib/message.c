/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of the set-up socket: what we send, and the checks of what comes back. */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>

#include "internal.h"

static void begin(struct pvi_msg_header *header, uint32_t type, size_t size) {
    memset(header, 0, size); /* the whole message: reserved fields are 0 */
    header->type = type;
    header->size = (uint32_t)size;
}

void message_hello(struct pvi_msg_hello *message, uint32_t guest_id, uint32_t nr_slots, uint32_t flags) {
    begin(&message->header, PVI_MSG_HELLO, sizeof *message);
    message->magic = PVI_RING_MAGIC;
    message->version_min = PVI_RING_VERSION;
    message->version_max = PVI_RING_VERSION;
    message->guest_id = guest_id;
    message->nr_slots = nr_slots;
    message->flags = flags;
}

void message_register(struct pvi_msg_register_memory *message, uint64_t first_mfn, uint64_t nr_pages,
                      uint64_t fd_offset) {
    begin(&message->header, PVI_MSG_REGISTER_MEMORY, sizeof *message);
    message->first_mfn = first_mfn;
    message->nr_pages = nr_pages;
    message->fd_offset = fd_offset;
}

void message_unregister(struct pvi_msg_unregister_memory *message, uint64_t first_mfn, uint64_t nr_pages) {
    begin(&message->header, PVI_MSG_UNREGISTER_MEMORY, sizeof *message);
    message->first_mfn = first_mfn;
    message->nr_pages = nr_pages;
}

void message_grant(struct pvi_msg_grant *message, const struct pviommu_grant *grant) {
    begin(&message->header, PVI_MSG_GRANT, sizeof *message);
    message->first_mfn = grant->first_mfn;
    message->nr_pages = grant->nr_pages;
    message->grantee_first_mfn = grant->grantee_first_mfn;
    message->grantee_id = grant->grantee_id;
    message->access = grant->writeable ? PVI_GRANT_READ_WRITE : PVI_GRANT_READ;
}

void message_revoke(struct pvi_msg_revoke *message, uint32_t grantee_id, uint64_t grantee_first_mfn, int force) {
    begin(&message->header, PVI_MSG_REVOKE, sizeof *message);
    message->grantee_first_mfn = grantee_first_mfn;
    message->grantee_id = grantee_id;
    message->flags = force ? PVI_REVOKE_FORCE : 0;
}

void message_resume(struct pvi_msg_resume *message) {
    begin(&message->header, PVI_MSG_RESUME, sizeof *message);
}

static int check_header(const struct packet *packet, uint32_t type, size_t size) {
    const struct pvi_msg_header *header = &packet->u.header;

    if (packet->size < sizeof *header)
        return set_error(-EPROTO, "message of the service has bytes=%zu min=%zu", packet->size, sizeof *header);
    if (header->type != type)
        return set_error(-EPROTO, "message of the service has type=%u expected=%u", header->type, type);
    if (header->size != packet->size || packet->size != size)
        return set_error(-EPROTO, "message type=%u has size=%u bytes=%zu expected=%zu", type, header->size,
                         packet->size, size);
    return 0;
}

int message_check_reply(const struct packet *packet, uint32_t request) {
    struct pvi_msg_reply reply;
    int error = check_header(packet, PVI_MSG_REPLY, sizeof reply);

    if (error) return error;
    memcpy(&reply, packet->u.bytes, sizeof reply);
    reply.message[sizeof reply.message - 1] = '\0';
    if (reply.request != request)
        return set_error(-EPROTO, "REPLY is for request=%u expected=%u: %s", reply.request, request, reply.message);
    if (packet->nr_fds != 0) return set_error(-EPROTO, "REPLY brings fds=%u expected=0", packet->nr_fds);
    if (reply.status > 0)
        return set_error(-EPROTO, "REPLY has status=%d, which is neither 0 nor an error", reply.status);
    if (reply.status < 0)
        return set_error(reply.status, "the service refused: %s (status=%d)", reply.message, reply.status);
    return 0;
}

static int check_welcome_fields(const struct pvi_msg_welcome *welcome, const struct pvi_msg_hello *hello) {
    if (welcome->magic != PVI_RING_MAGIC)
        return set_error(-EPROTO, "WELCOME has magic=0x%x expected=0x%x", welcome->magic, PVI_RING_MAGIC);
    if (welcome->version < hello->version_min || welcome->version > hello->version_max)
        return set_error(-EPROTO, "WELCOME has version=%u asked=%u..%u", welcome->version, hello->version_min,
                         hello->version_max);
    if (welcome->slot_bytes != PVI_SLOT_BYTES)
        return set_error(-EPROTO, "WELCOME has slot_bytes=%u expected=%u", welcome->slot_bytes, PVI_SLOT_BYTES);
    if (welcome->guest_id != hello->guest_id)
        return set_error(-EPROTO, "WELCOME has guest_id=%u asked=%u", welcome->guest_id, hello->guest_id);
    if (welcome->nr_slots < 1 || welcome->nr_slots > hello->nr_slots)
        return set_error(-EPROTO, "WELCOME has nr_slots=%u asked=%u", welcome->nr_slots, hello->nr_slots);
    if (welcome->ring_bytes < PVI_RING_HEADER_BYTES + (uint64_t)welcome->nr_slots * PVI_SLOT_BYTES)
        return set_error(-EPROTO, "WELCOME has ring_bytes=%llu, too few for nr_slots=%u",
                         (unsigned long long)welcome->ring_bytes, welcome->nr_slots);
    if (welcome->reserved != 0) return set_error(-EPROTO, "WELCOME has reserved=%u expected=0", welcome->reserved);
    return 0;
}

int message_check_welcome(const struct packet *packet, const struct pvi_msg_hello *hello,
                          struct pvi_msg_welcome *welcome) {
    int error;

    if (packet->size >= sizeof packet->u.header && packet->u.header.type == PVI_MSG_REPLY) {
        error = message_check_reply(packet, PVI_MSG_HELLO);
        return error ? error : set_error(-EPROTO, "the service answered HELLO with a REPLY of status=0");
    }
    error = check_header(packet, PVI_MSG_WELCOME, sizeof *welcome);
    if (error) return error;
    memcpy(welcome, packet->u.bytes, sizeof *welcome);
    error = check_welcome_fields(welcome, hello);
    if (error) return error;
    if (packet->nr_fds != PVI_WELCOME_FDS(welcome->nr_slots))
        return set_error(-EPROTO, "WELCOME brings fds=%u expected=%u", packet->nr_fds,
                         PVI_WELCOME_FDS(welcome->nr_slots));
    return 0;
}
