/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prints every size, offset and constant of the ABI headers as "key=value",
 * the key being the name of the Java constant or accessor that stands for it.
 * The test that runs this compares the list with the Java classes, both ways.
 *
 * "Class.getter()" is the value of a field of a structure whose byte i is
 * PATTERN(i); "Class.getter#bytes" is the width of the field.
 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pv_iommu_virtio.h"
#include "pvi_ring.h"
#include "xen/pv_iommu.h"

#define PATTERN(i) ((unsigned char)((i) * 37 + 201))

static unsigned char pattern[512];
static size_t covered; /* bytes of the current structure that its fields account for */

/* The field at `offset`, widened the way the Java accessors do: u16 without sign, the others with. */
static long long sample(size_t offset, size_t width) {
    uint16_t u16;
    int32_t s32;
    int64_t s64;

    switch (width) {
    case 2:
        memcpy(&u16, pattern + offset, sizeof u16);
        return u16;
    case 4:
        memcpy(&s32, pattern + offset, sizeof s32);
        return s32;
    default:
        memcpy(&s64, pattern + offset, sizeof s64);
        return s64;
    }
}

/* A field that the list leaves out, or padding, would show here. */
static void end_of_struct(const char *key, size_t size) {
    printf("%s=%zu\n", key, size);
    if (covered != size) {
        fprintf(stderr, "%s: the fields listed cover %zu of %zu bytes\n", key, covered, size);
        exit(1);
    }
    covered = 0;
}

#define CONSTANT(java, value) printf("%s=%lld\n", java, (long long)(value))
#define PLACE(java, type, member) \
    (covered += sizeof(((struct type *)0)->member), printf("%s_OFFSET=%zu\n", java, offsetof(struct type, member)))
#define FIELD(cls, java, getter, type, member) \
    do { \
        size_t width = sizeof(((struct type *)0)->member); \
        PLACE(cls "." java, type, member); \
        printf("%s.%s()=%lld\n", cls, getter, sample(offsetof(struct type, member), width)); \
        printf("%s.%s#bytes=%zu\n", cls, getter, width); \
    } while (0)
#define END(key, type) end_of_struct(key, sizeof(struct type))

static void print_cmd(void) {
    CONSTANT("IommuOp.HYPERCALL_NUMBER", __HYPERVISOR_iommu_op);
    CONSTANT("IommuOp.ABI_VERSION", IOMMU_ABI_VERSION);
    CONSTANT("IommuOp.PAGE_SHIFT", IOMMU_PAGE_SHIFT);
    CONSTANT("IommuOp.MAX_COUNT", IOMMUOP_MAX_COUNT);
    CONSTANT("IommuOp.ARG_ALIGN", IOMMUOP_ARG_ALIGN);
    CONSTANT("IommuOp.SUBOP_MASK", IOMMUOP_SUBOP_MASK);
    CONSTANT("IommuOp.MODIFIER_MASK", IOMMUOP_MODIFIER_MASK);
    CONSTANT("IommuOp.CONTEXT_SHIFT", IOMMUOP_CONTEXT_SHIFT);
    CONSTANT("IommuOp.CONTEXT_MASK", IOMMUOP_CONTEXT_MASK);
    CONSTANT("IommuOp.F_DEFER", IOMMUOP_F_defer);
    CONSTANT("IommuOp.QUERY_CAPS", IOMMUOP_query_caps);
    CONSTANT("IommuOp.MAP_PAGE", IOMMUOP_map_page);
    CONSTANT("IommuOp.UNMAP_PAGE", IOMMUOP_unmap_page);
    CONSTANT("IommuOp.LOOKUP_PAGE", IOMMUOP_lookup_page);
    CONSTANT("IommuOp.QUERY_RESERVED", IOMMUOP_query_reserved);
    CONSTANT("IommuOp.MAP_RANGE", IOMMUOP_map_range);
    CONSTANT("IommuOp.UNMAP_RANGE", IOMMUOP_unmap_range);
    CONSTANT("IommuOp.ALLOC_CONTEXT", IOMMUOP_alloc_context);
    CONSTANT("IommuOp.FREE_CONTEXT", IOMMUOP_free_context);
    CONSTANT("IommuOp.ATTACH_DEVICE", IOMMUOP_attach_device);
    CONSTANT("IommuOp.FLUSH", IOMMUOP_flush);
    CONSTANT("IommuOp.MIXED", IOMMUOP_mixed);
}

static void print_cmd_macros(void) {
    uint32_t cmd = IOMMUOP_CMD(IOMMUOP_mixed, IOMMUOP_F_defer, 0xfffe);

    CONSTANT("IommuOp.cmd(12,0x100,0xfffe)", (int32_t)cmd);
    CONSTANT("IommuOp.cmd(0x1ff,0x1ffff,0x1ffff)", (int32_t)IOMMUOP_CMD(0x1ff, 0x1ffff, 0x1ffff));
    CONSTANT("IommuOp.subOp(cmd)", IOMMUOP_CMD_SUBOP(cmd));
    CONSTANT("IommuOp.modifiers(cmd)", IOMMUOP_CMD_MODIFIERS(cmd));
    CONSTANT("IommuOp.contextNumber(cmd)", IOMMUOP_CMD_CONTEXT(cmd));
}

static void print_statuses(void) {
    CONSTANT("IommuStatus.OK", IOMMU_STATUS_OK);
    CONSTANT("IommuStatus.EPERM", IOMMU_STATUS_EPERM);
    CONSTANT("IommuStatus.ENOENT", IOMMU_STATUS_ENOENT);
    CONSTANT("IommuStatus.EIO", IOMMU_STATUS_EIO);
    CONSTANT("IommuStatus.ENXIO", IOMMU_STATUS_ENXIO);
    CONSTANT("IommuStatus.ENOMEM", IOMMU_STATUS_ENOMEM);
    CONSTANT("IommuStatus.EFAULT", IOMMU_STATUS_EFAULT);
    CONSTANT("IommuStatus.EBUSY", IOMMU_STATUS_EBUSY);
    CONSTANT("IommuStatus.EINVAL", IOMMU_STATUS_EINVAL);
    CONSTANT("IommuStatus.ENOSPC", IOMMU_STATUS_ENOSPC);
    CONSTANT("IommuStatus.ERANGE", IOMMU_STATUS_ERANGE);
    CONSTANT("IommuStatus.ENOSYS", IOMMU_STATUS_ENOSYS);
    CONSTANT("IommuStatus.EOPNOTSUPP", IOMMU_STATUS_EOPNOTSUPP);
    CONSTANT("IommuStatus.EADDRINUSE", IOMMU_STATUS_EADDRINUSE);
    CONSTANT("IommuStatus.EADDRNOTAVAIL", IOMMU_STATUS_EADDRNOTAVAIL);
}

static void print_map_op(void) {
    FIELD("IommuMapOp", "BFN", "bfn", iommu_map_op, bfn);
    FIELD("IommuMapOp", "MFN", "mfn", iommu_map_op, mfn);
    FIELD("IommuMapOp", "FLAGS", "flags", iommu_map_op, flags);
    FIELD("IommuMapOp", "STATUS", "status", iommu_map_op, status);
    END("IommuMapOp.SIZE", iommu_map_op);
    CONSTANT("IommuMapOp.READABLE", IOMMU_MAP_OP_readable);
    CONSTANT("IommuMapOp.WRITEABLE", IOMMU_MAP_OP_writeable);
    CONSTANT("IommuMapOp.FLAGS_MASK", IOMMU_MAP_OP_FLAGS_MASK);
}

static void print_mixed_op(void) {
    FIELD("IommuMixedOp", "SUBOP", "subop", iommu_mixed_op, subop);
    FIELD("IommuMixedOp", "FLAGS", "flags", iommu_mixed_op, flags);
    FIELD("IommuMixedOp", "STATUS", "status", iommu_mixed_op, status);
    FIELD("IommuMixedOp", "BFN", "bfn", iommu_mixed_op, bfn);
    FIELD("IommuMixedOp", "MFN", "mfn", iommu_mixed_op, mfn);
    END("IommuMixedOp.SIZE", iommu_mixed_op);
}

static void print_range_op(void) {
    FIELD("IommuRangeOp", "BFN", "bfn", iommu_range_op, bfn);
    FIELD("IommuRangeOp", "MFN", "mfn", iommu_range_op, mfn);
    FIELD("IommuRangeOp", "NR_PAGES", "nrPages", iommu_range_op, nr_pages);
    FIELD("IommuRangeOp", "NR_DONE", "nrDone", iommu_range_op, nr_done);
    FIELD("IommuRangeOp", "FLAGS", "flags", iommu_range_op, flags);
    FIELD("IommuRangeOp", "STATUS", "status", iommu_range_op, status);
    END("IommuRangeOp.SIZE", iommu_range_op);
}

static void print_device_ops(void) {
    FIELD("IommuContextOp", "CTX_NO", "ctxNo", iommu_context_op, ctx_no);
    FIELD("IommuContextOp", "STATUS", "status", iommu_context_op, status);
    END("IommuContextOp.SIZE", iommu_context_op);

    FIELD("IommuAttachOp", "ENDPOINT", "endpoint", iommu_attach_op, endpoint);
    FIELD("IommuAttachOp", "CTX_NO", "ctxNo", iommu_attach_op, ctx_no);
    FIELD("IommuAttachOp", "FLAGS", "flags", iommu_attach_op, flags);
    FIELD("IommuAttachOp", "STATUS", "status", iommu_attach_op, status);
    END("IommuAttachOp.SIZE", iommu_attach_op);

    FIELD("IommuReservedRange", "FIRST_BFN", "firstBfn", iommu_reserved_range, first_bfn);
    FIELD("IommuReservedRange", "LAST_BFN", "lastBfn", iommu_reserved_range, last_bfn);
    FIELD("IommuReservedRange", "KIND", "kind", iommu_reserved_range, kind);
    FIELD("IommuReservedRange", "RESERVED", "reserved", iommu_reserved_range, reserved);
    END("IommuReservedRange.SIZE", iommu_reserved_range);
    CONSTANT("IommuReservedRange.KIND_RESERVED", IOMMU_RESERVED_reserved);
    CONSTANT("IommuReservedRange.KIND_MSI", IOMMU_RESERVED_msi);
    CONSTANT("IommuReservedRange.KIND_IDENTITY", IOMMU_RESERVED_identity);
}

static void print_caps(void) {
    FIELD("IommuCaps", "ABI_VERSION", "abiVersion", iommu_caps, abi_version);
    FIELD("IommuCaps", "CAPS", "caps", iommu_caps, caps);
    FIELD("IommuCaps", "MAX_BFN", "maxBfn", iommu_caps, max_bfn);
    FIELD("IommuCaps", "PAGE_SIZE_MASK", "pageSizeMask", iommu_caps, page_size_mask);
    FIELD("IommuCaps", "MAX_CONTEXTS", "maxContexts", iommu_caps, max_contexts);
    FIELD("IommuCaps", "MAX_HELD_FRAMES", "maxHeldFrames", iommu_caps, max_held_frames);
    FIELD("IommuCaps", "MAX_MAPPED_FRAMES", "maxMappedFrames", iommu_caps, max_mapped_frames);
    END("IommuCaps.SIZE", iommu_caps);
    CONSTANT("IommuCaps.CAP_CONTEXTS", IOMMU_CAP_contexts);
    CONSTANT("IommuCaps.CAP_RANGES", IOMMU_CAP_ranges);
    CONSTANT("IommuCaps.CAP_MIXED", IOMMU_CAP_mixed);
    CONSTANT("IommuCaps.CAP_LOOKUP", IOMMU_CAP_lookup);
    CONSTANT("IommuCaps.CAP_DEFER", IOMMU_CAP_defer);
    CONSTANT("IommuCaps.CAP_CUT", IOMMU_CAP_cut);
}

static void print_ring_constants(void) {
    CONSTANT("RingAbi.MAGIC", PVI_RING_MAGIC);
    CONSTANT("RingAbi.VERSION", PVI_RING_VERSION);
    CONSTANT("RingAbi.MSG_MAX", PVI_MSG_MAX);
    CONSTANT("RingAbi.MAX_SLOTS", PVI_RING_MAX_SLOTS);
    CONSTANT("RingAbi.MSG_HELLO", PVI_MSG_HELLO);
    CONSTANT("RingAbi.MSG_WELCOME", PVI_MSG_WELCOME);
    CONSTANT("RingAbi.MSG_REGISTER_MEMORY", PVI_MSG_REGISTER_MEMORY);
    CONSTANT("RingAbi.MSG_UNREGISTER_MEMORY", PVI_MSG_UNREGISTER_MEMORY);
    CONSTANT("RingAbi.MSG_REPLY", PVI_MSG_REPLY);
    CONSTANT("RingAbi.MSG_GRANT", PVI_MSG_GRANT);
    CONSTANT("RingAbi.MSG_REVOKE", PVI_MSG_REVOKE);
    CONSTANT("RingAbi.MSG_RESUME", PVI_MSG_RESUME);
    CONSTANT("RingAbi.HELLO_RESUME", PVI_HELLO_RESUME);
    CONSTANT("RingAbi.REPLY_TEXT_BYTES", PVI_REPLY_TEXT_BYTES);
    CONSTANT("RingAbi.RING_HEADER_BYTES", PVI_RING_HEADER_BYTES);
    CONSTANT("RingAbi.SLOT_BYTES", PVI_SLOT_BYTES);
    CONSTANT("RingAbi.SLOT_FREE", PVI_SLOT_FREE);
    CONSTANT("RingAbi.SLOT_READY", PVI_SLOT_READY);
    CONSTANT("RingAbi.SLOT_DONE", PVI_SLOT_DONE);
    CONSTANT("RingAbi.SLOT_STATE_MASK", PVI_SLOT_STATE_MASK);
    CONSTANT("RingAbi.SLOT_GENERATION_SHIFT", PVI_SLOT_GENERATION_SHIFT);
    CONSTANT("RingAbi.SLOT_GENERATION_MASK", PVI_SLOT_GENERATION_MASK);
    CONSTANT("RingAbi.word(0x40000001,2)", (int32_t)PVI_SLOT_WORD(0x40000001, PVI_SLOT_DONE));
    CONSTANT("RingAbi.word(0x3fffffff,1)", (int32_t)PVI_SLOT_WORD(0x3fffffff, PVI_SLOT_READY));
    CONSTANT("RingAbi.welcomeFds(64)", PVI_WELCOME_FDS(PVI_RING_MAX_SLOTS));
}

static void print_hello_and_welcome(void) {
    PLACE("RingAbi.MSG_TYPE", pvi_msg_header, type);
    PLACE("RingAbi.MSG_SIZE", pvi_msg_header, size);
    END("RingAbi.MSG_HEADER_SIZE", pvi_msg_header);

    covered = sizeof(struct pvi_msg_header);
    PLACE("RingAbi.HELLO_MAGIC", pvi_msg_hello, magic);
    PLACE("RingAbi.HELLO_VERSION_MIN", pvi_msg_hello, version_min);
    PLACE("RingAbi.HELLO_VERSION_MAX", pvi_msg_hello, version_max);
    PLACE("RingAbi.HELLO_GUEST_ID", pvi_msg_hello, guest_id);
    PLACE("RingAbi.HELLO_NR_SLOTS", pvi_msg_hello, nr_slots);
    PLACE("RingAbi.HELLO_FLAGS", pvi_msg_hello, flags);
    PLACE("RingAbi.HELLO_RESERVED", pvi_msg_hello, reserved);
    END("RingAbi.HELLO_SIZE", pvi_msg_hello);

    covered = sizeof(struct pvi_msg_header);
    PLACE("RingAbi.WELCOME_MAGIC", pvi_msg_welcome, magic);
    PLACE("RingAbi.WELCOME_VERSION", pvi_msg_welcome, version);
    PLACE("RingAbi.WELCOME_SLOT_BYTES", pvi_msg_welcome, slot_bytes);
    PLACE("RingAbi.WELCOME_GUEST_ID", pvi_msg_welcome, guest_id);
    PLACE("RingAbi.WELCOME_NR_SLOTS", pvi_msg_welcome, nr_slots);
    PLACE("RingAbi.WELCOME_RING_BYTES", pvi_msg_welcome, ring_bytes);
    PLACE("RingAbi.WELCOME_SPIN_ITERATIONS", pvi_msg_welcome, spin_iterations);
    PLACE("RingAbi.WELCOME_RESERVED", pvi_msg_welcome, reserved);
    END("RingAbi.WELCOME_SIZE", pvi_msg_welcome);
}

static void print_memory_messages(void) {
    covered = sizeof(struct pvi_msg_header);
    PLACE("RingAbi.REGISTER_MEMORY_FIRST_MFN", pvi_msg_register_memory, first_mfn);
    PLACE("RingAbi.REGISTER_MEMORY_NR_PAGES", pvi_msg_register_memory, nr_pages);
    PLACE("RingAbi.REGISTER_MEMORY_FD_OFFSET", pvi_msg_register_memory, fd_offset);
    PLACE("RingAbi.REGISTER_MEMORY_FLAGS", pvi_msg_register_memory, flags);
    PLACE("RingAbi.REGISTER_MEMORY_RESERVED", pvi_msg_register_memory, reserved);
    END("RingAbi.REGISTER_MEMORY_SIZE", pvi_msg_register_memory);

    covered = sizeof(struct pvi_msg_header);
    PLACE("RingAbi.UNREGISTER_MEMORY_FIRST_MFN", pvi_msg_unregister_memory, first_mfn);
    PLACE("RingAbi.UNREGISTER_MEMORY_NR_PAGES", pvi_msg_unregister_memory, nr_pages);
    END("RingAbi.UNREGISTER_MEMORY_SIZE", pvi_msg_unregister_memory);

    covered = sizeof(struct pvi_msg_header);
    PLACE("RingAbi.RESUME_RESERVED", pvi_msg_resume, reserved);
    END("RingAbi.RESUME_SIZE", pvi_msg_resume);

    covered = sizeof(struct pvi_msg_header);
    PLACE("RingAbi.REPLY_REQUEST", pvi_msg_reply, request);
    PLACE("RingAbi.REPLY_STATUS", pvi_msg_reply, status);
    PLACE("RingAbi.REPLY_MESSAGE", pvi_msg_reply, message);
    END("RingAbi.REPLY_SIZE", pvi_msg_reply);
}

static void print_grant_messages(void) {
    CONSTANT("RingAbi.GRANT_READ", PVI_GRANT_READ);
    CONSTANT("RingAbi.GRANT_READ_WRITE", PVI_GRANT_READ_WRITE);
    CONSTANT("RingAbi.REVOKE_FORCE", PVI_REVOKE_FORCE);

    covered = sizeof(struct pvi_msg_header);
    PLACE("RingAbi.GRANT_FIRST_MFN", pvi_msg_grant, first_mfn);
    PLACE("RingAbi.GRANT_NR_PAGES", pvi_msg_grant, nr_pages);
    PLACE("RingAbi.GRANT_GRANTEE_FIRST_MFN", pvi_msg_grant, grantee_first_mfn);
    PLACE("RingAbi.GRANT_GRANTEE_ID", pvi_msg_grant, grantee_id);
    PLACE("RingAbi.GRANT_ACCESS", pvi_msg_grant, access);
    PLACE("RingAbi.GRANT_FLAGS", pvi_msg_grant, flags);
    PLACE("RingAbi.GRANT_RESERVED", pvi_msg_grant, reserved);
    END("RingAbi.GRANT_SIZE", pvi_msg_grant);

    covered = sizeof(struct pvi_msg_header);
    PLACE("RingAbi.REVOKE_GRANTEE_FIRST_MFN", pvi_msg_revoke, grantee_first_mfn);
    PLACE("RingAbi.REVOKE_GRANTEE_ID", pvi_msg_revoke, grantee_id);
    PLACE("RingAbi.REVOKE_FLAGS", pvi_msg_revoke, flags);
    END("RingAbi.REVOKE_SIZE", pvi_msg_revoke);
}

static void print_ring_memory(void) {
    PLACE("RingAbi.RING_MAGIC", pvi_ring_header, magic);
    PLACE("RingAbi.RING_VERSION", pvi_ring_header, version);
    PLACE("RingAbi.RING_SLOT_BYTES", pvi_ring_header, slot_bytes);
    PLACE("RingAbi.RING_NR_SLOTS", pvi_ring_header, nr_slots);
    PLACE("RingAbi.RING_SERVICE_WAITING", pvi_ring_header, service_waiting);
    PLACE("RingAbi.RING_SERVICE_GONE", pvi_ring_header, service_gone);
    PLACE("RingAbi.RING_RESERVED", pvi_ring_header, reserved);
    END("sizeof(struct pvi_ring_header)", pvi_ring_header);

    PLACE("RingAbi.SLOT_WORD", pvi_slot, word);
    PLACE("RingAbi.SLOT_CMD", pvi_slot, cmd);
    PLACE("RingAbi.SLOT_ARG", pvi_slot, arg);
    PLACE("RingAbi.SLOT_COUNT", pvi_slot, count);
    PLACE("RingAbi.SLOT_CALLER_WAITING", pvi_slot, caller_waiting);
    PLACE("RingAbi.SLOT_RESULT", pvi_slot, result);
    PLACE("RingAbi.SLOT_RESERVED", pvi_slot, reserved);
    END("sizeof(struct pvi_slot)", pvi_slot);
}

static void print_virtio(void) {
    CONSTANT("VirtioAbi.DEVICE_ID", PV_IOMMU_VIRTIO_ID);
    CONSTANT("VirtioAbi.QUEUE_CALLS", PV_IOMMU_VIRTIO_QUEUE_CALLS);
    CONSTANT("VirtioAbi.QUEUE_EVENTS", PV_IOMMU_VIRTIO_QUEUE_EVENTS);
    CONSTANT("VirtioAbi.QUEUES", PV_IOMMU_VIRTIO_QUEUES);

    FIELD("VirtioAbi", "CALL_CMD", "cmd", pv_iommu_virtio_call, cmd);
    FIELD("VirtioAbi", "CALL_COUNT", "count", pv_iommu_virtio_call, count);
    FIELD("VirtioAbi", "CALL_ARG", "arg", pv_iommu_virtio_call, arg);
    END("VirtioAbi.CALL_SIZE", pv_iommu_virtio_call);

    FIELD("VirtioAbi", "RETURN_RESULT", "result", pv_iommu_virtio_return, result);
    END("VirtioAbi.RETURN_SIZE", pv_iommu_virtio_return);
}

int main(void) {
    size_t i;

    for (i = 0; i < sizeof pattern; i++) pattern[i] = PATTERN(i);
    print_cmd();
    print_cmd_macros();
    print_statuses();
    print_map_op();
    print_mixed_op();
    print_range_op();
    print_device_ops();
    print_caps();
    print_ring_constants();
    print_hello_and_welcome();
    print_memory_messages();
    print_grant_messages();
    print_ring_memory();
    print_virtio();
    return 0;
}
