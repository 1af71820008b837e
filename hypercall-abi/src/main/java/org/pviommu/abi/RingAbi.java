package org.pviommu.abi;

/**
 * The ring transport, version 1: messages of the set-up socket, and the slots in shared memory that calls go through;
 * C: {@code pvi_ring.h}. Offsets of message fields count from the start of the message, header included.
 *
 * <pre>
 *  message: type u32 | size u32 | body
 *
 *  ring:    header, 64 bytes | slot 0, 64 bytes | slot 1 | ...
 *
 *  slot:     0    4    8        16    20      24       32             64
 *           +----+----+--------+-----+-------+--------+-----//-------+
 *           |word|cmd | arg    |count|waiting| result | reserved     |
 *           +----+----+--------+-----+-------+--------+-----//-------+
 *
 *  word:     31                          2 1     0
 *           +-----------------------------+-------+
 *           | generation                  | state |
 *           +-----------------------------+-------+
 * </pre>
 *
 * <p>FREE to READY (with the next generation) and DONE to FREE are the caller's steps, READY to DONE is the service's.
 * Each side publishes with a store-release of word and observes with a load-acquire.
 */
public final class RingAbi {
    /** "PVIR" in little-endian: begins the ring, and is in HELLO and WELCOME. */
    public static final int MAGIC = 0x52495650;
    /** The version that this file describes. */
    public static final int VERSION = 1;
    /** Largest message in bytes. */
    public static final int MSG_MAX = 512;
    /** Most slots that one connection can have. */
    public static final int MAX_SLOTS = 64;

    /** Message type: guest to service, no fd. */
    public static final int MSG_HELLO = 1;
    /** Message type: service to guest, {@link #welcomeFds} fds: the ring, then kick and done of each slot. */
    public static final int MSG_WELCOME = 2;
    /** Message type: guest to service, one fd, a memfd sealed against shrinking. */
    public static final int MSG_REGISTER_MEMORY = 3;
    /** Message type: guest to service, no fd. */
    public static final int MSG_UNREGISTER_MEMORY = 4;
    /** Message type: service to guest, no fd. */
    public static final int MSG_REPLY = 5;
    /** Message type: guest to service, no fd. */
    public static final int MSG_GRANT = 6;
    /** Message type: guest to service, no fd. */
    public static final int MSG_REVOKE = 7;
    /** Message type: guest to service, no fd. */
    public static final int MSG_RESUME = 8;

    /** Bytes of the header that begins every message. */
    public static final int MSG_HEADER_SIZE = 8;
    /** Offset of u32 message type. */
    public static final int MSG_TYPE_OFFSET = 0;
    /** Offset of u32 size of the whole message in bytes. */
    public static final int MSG_SIZE_OFFSET = MSG_TYPE_OFFSET + Integer.BYTES;

    /** Bytes of HELLO. */
    public static final int HELLO_SIZE = 32;
    /** Offset of u32 {@link #MAGIC}. */
    public static final int HELLO_MAGIC_OFFSET = MSG_HEADER_SIZE;
    /** Offset of u16 lowest version the guest speaks. */
    public static final int HELLO_VERSION_MIN_OFFSET = HELLO_MAGIC_OFFSET + Integer.BYTES;
    /** Offset of u16 highest version the guest speaks, inclusive. */
    public static final int HELLO_VERSION_MAX_OFFSET = HELLO_VERSION_MIN_OFFSET + Short.BYTES;
    /** Offset of u32 number of the guest. */
    public static final int HELLO_GUEST_ID_OFFSET = HELLO_VERSION_MAX_OFFSET + Short.BYTES;
    /** Offset of u32 slots wanted, 1 to {@link #MAX_SLOTS}. */
    public static final int HELLO_NR_SLOTS_OFFSET = HELLO_GUEST_ID_OFFSET + Integer.BYTES;
    /** Offset of u32 {@link #HELLO_RESUME} or 0. */
    public static final int HELLO_FLAGS_OFFSET = HELLO_NR_SLOTS_OFFSET + Integer.BYTES;
    /** Flag: the guest was there before the service's last start and wants to go on; see {@link #MSG_RESUME}. */
    public static final int HELLO_RESUME = 0x1;
    /** Offset of u32 reserved, 0. */
    public static final int HELLO_RESERVED_OFFSET = HELLO_FLAGS_OFFSET + Integer.BYTES;

    /** Bytes of WELCOME. */
    public static final int WELCOME_SIZE = 40;
    /** Offset of u32 {@link #MAGIC}. */
    public static final int WELCOME_MAGIC_OFFSET = MSG_HEADER_SIZE;
    /** Offset of u16 version that both will use. */
    public static final int WELCOME_VERSION_OFFSET = WELCOME_MAGIC_OFFSET + Integer.BYTES;
    /** Offset of u16 {@link #SLOT_BYTES}. */
    public static final int WELCOME_SLOT_BYTES_OFFSET = WELCOME_VERSION_OFFSET + Short.BYTES;
    /** Offset of u32 number of the guest. */
    public static final int WELCOME_GUEST_ID_OFFSET = WELCOME_SLOT_BYTES_OFFSET + Short.BYTES;
    /** Offset of u32 slots granted. */
    public static final int WELCOME_NR_SLOTS_OFFSET = WELCOME_GUEST_ID_OFFSET + Integer.BYTES;
    /** Offset of u64 size of the ring memory. */
    public static final int WELCOME_RING_BYTES_OFFSET = WELCOME_NR_SLOTS_OFFSET + Integer.BYTES;
    /** Offset of u32 suggested spinning of a caller; 0 is none. */
    public static final int WELCOME_SPIN_ITERATIONS_OFFSET = WELCOME_RING_BYTES_OFFSET + Long.BYTES;
    /** Offset of u32 reserved, 0. */
    public static final int WELCOME_RESERVED_OFFSET = WELCOME_SPIN_ITERATIONS_OFFSET + Integer.BYTES;

    /** Bytes of REGISTER_MEMORY. */
    public static final int REGISTER_MEMORY_SIZE = 40;
    /** Offset of u64 first frame of the region. */
    public static final int REGISTER_MEMORY_FIRST_MFN_OFFSET = MSG_HEADER_SIZE;
    /** Offset of u64 length in pages. */
    public static final int REGISTER_MEMORY_NR_PAGES_OFFSET = REGISTER_MEMORY_FIRST_MFN_OFFSET + Long.BYTES;
    /** Offset of u64 offset in the memfd in bytes, a multiple of 4096. */
    public static final int REGISTER_MEMORY_FD_OFFSET_OFFSET = REGISTER_MEMORY_NR_PAGES_OFFSET + Long.BYTES;
    /** Offset of u32 flags, 0. */
    public static final int REGISTER_MEMORY_FLAGS_OFFSET = REGISTER_MEMORY_FD_OFFSET_OFFSET + Long.BYTES;
    /** Offset of u32 reserved, 0. */
    public static final int REGISTER_MEMORY_RESERVED_OFFSET = REGISTER_MEMORY_FLAGS_OFFSET + Integer.BYTES;

    /** Bytes of UNREGISTER_MEMORY. */
    public static final int UNREGISTER_MEMORY_SIZE = 24;
    /** Offset of u64 first frame of the region. */
    public static final int UNREGISTER_MEMORY_FIRST_MFN_OFFSET = MSG_HEADER_SIZE;
    /** Offset of u64 length in pages. */
    public static final int UNREGISTER_MEMORY_NR_PAGES_OFFSET = UNREGISTER_MEMORY_FIRST_MFN_OFFSET + Long.BYTES;

    /** Bytes of GRANT. */
    public static final int GRANT_SIZE = 48;
    /** Offset of u64 first frame, a number of the owner, who sends it. */
    public static final int GRANT_FIRST_MFN_OFFSET = MSG_HEADER_SIZE;
    /** Offset of u64 length in pages. */
    public static final int GRANT_NR_PAGES_OFFSET = GRANT_FIRST_MFN_OFFSET + Long.BYTES;
    /** Offset of u64 first frame, a number of the grantee. */
    public static final int GRANT_GRANTEE_FIRST_MFN_OFFSET = GRANT_NR_PAGES_OFFSET + Long.BYTES;
    /** Offset of u32 number of the guest that may map the frames. */
    public static final int GRANT_GRANTEE_ID_OFFSET = GRANT_GRANTEE_FIRST_MFN_OFFSET + Long.BYTES;
    /** Offset of u32 {@link #GRANT_READ} or {@link #GRANT_READ_WRITE}. */
    public static final int GRANT_ACCESS_OFFSET = GRANT_GRANTEE_ID_OFFSET + Integer.BYTES;
    /** Offset of u32 flags, 0. */
    public static final int GRANT_FLAGS_OFFSET = GRANT_ACCESS_OFFSET + Integer.BYTES;
    /** Offset of u32 reserved, 0. */
    public static final int GRANT_RESERVED_OFFSET = GRANT_FLAGS_OFFSET + Integer.BYTES;
    /** Access: the grantee's devices may read. */
    public static final int GRANT_READ = 0x1;
    /** Access: the grantee's devices may read and write. */
    public static final int GRANT_READ_WRITE = 0x3;

    /** Bytes of REVOKE. */
    public static final int REVOKE_SIZE = 24;
    /** Offset of u64 first frame of the grant, a number of the grantee. */
    public static final int REVOKE_GRANTEE_FIRST_MFN_OFFSET = MSG_HEADER_SIZE;
    /** Offset of u32 number of the guest that has the grant. */
    public static final int REVOKE_GRANTEE_ID_OFFSET = REVOKE_GRANTEE_FIRST_MFN_OFFSET + Long.BYTES;
    /** Offset of u32 {@link #REVOKE_FORCE} or 0. */
    public static final int REVOKE_FLAGS_OFFSET = REVOKE_GRANTEE_ID_OFFSET + Integer.BYTES;
    /** Flag: the grantee's mappings of the frames are removed and flushed, too. */
    public static final int REVOKE_FORCE = 0x1;

    /** Bytes of RESUME. */
    public static final int RESUME_SIZE = 16;
    /** Offset of u64 reserved, 0. */
    public static final int RESUME_RESERVED_OFFSET = MSG_HEADER_SIZE;

    /** Bytes of REPLY. */
    public static final int REPLY_SIZE = 256;
    /** Offset of u32 type of the message that is answered. */
    public static final int REPLY_REQUEST_OFFSET = MSG_HEADER_SIZE;
    /** Offset of s32 status: 0 or a negated errno. */
    public static final int REPLY_STATUS_OFFSET = REPLY_REQUEST_OFFSET + Integer.BYTES;
    /** Offset of the NUL-terminated text for people. */
    public static final int REPLY_MESSAGE_OFFSET = REPLY_STATUS_OFFSET + Integer.BYTES;
    /** Bytes of the text in REPLY, its final NUL included. */
    public static final int REPLY_TEXT_BYTES = 240;

    /** Bytes of the header of the ring memory; slot 0 follows. */
    public static final int RING_HEADER_BYTES = 64;
    /** Offset of u32 {@link #MAGIC}. */
    public static final int RING_MAGIC_OFFSET = 0;
    /** Offset of u16 version that both use. */
    public static final int RING_VERSION_OFFSET = RING_MAGIC_OFFSET + Integer.BYTES;
    /** Offset of u16 {@link #SLOT_BYTES}. */
    public static final int RING_SLOT_BYTES_OFFSET = RING_VERSION_OFFSET + Short.BYTES;
    /** Offset of u32 number of slots. */
    public static final int RING_NR_SLOTS_OFFSET = RING_SLOT_BYTES_OFFSET + Short.BYTES;
    /** Offset of u32 1 while the service sleeps or is about to. */
    public static final int RING_SERVICE_WAITING_OFFSET = RING_NR_SLOTS_OFFSET + Integer.BYTES;
    /** Offset of u32 1 when the service has ended. */
    public static final int RING_SERVICE_GONE_OFFSET = RING_SERVICE_WAITING_OFFSET + Integer.BYTES;
    /** Offset of the reserved rest, 0. */
    public static final int RING_RESERVED_OFFSET = RING_SERVICE_GONE_OFFSET + Integer.BYTES;

    /** Bytes of a slot: one cache line. */
    public static final int SLOT_BYTES = 64;
    /** Offset of u32 generation and state. */
    public static final int SLOT_WORD_OFFSET = 0;
    /** Offset of u32 cmd, see {@link IommuOp}. */
    public static final int SLOT_CMD_OFFSET = SLOT_WORD_OFFSET + Integer.BYTES;
    /** Offset of u64 guest address of the array. */
    public static final int SLOT_ARG_OFFSET = SLOT_CMD_OFFSET + Integer.BYTES;
    /** Offset of u32 number of elements. */
    public static final int SLOT_COUNT_OFFSET = SLOT_ARG_OFFSET + Long.BYTES;
    /** Offset of u32 1 while the caller sleeps or is about to. */
    public static final int SLOT_CALLER_WAITING_OFFSET = SLOT_COUNT_OFFSET + Integer.BYTES;
    /** Offset of s64 return value of the call. */
    public static final int SLOT_RESULT_OFFSET = SLOT_CALLER_WAITING_OFFSET + Integer.BYTES;
    /** Offset of the reserved rest, 0. */
    public static final int SLOT_RESERVED_OFFSET = SLOT_RESULT_OFFSET + Long.BYTES;

    /** State: the caller may write cmd, arg and count. */
    public static final int SLOT_FREE = 0;
    /** State: a call is waiting for the service or being executed. */
    public static final int SLOT_READY = 1;
    /** State: the result is there for the caller. */
    public static final int SLOT_DONE = 2;
    /** Bits of word that hold the state; the value 3 does not exist. */
    public static final int SLOT_STATE_MASK = 0x3;
    /** Lowest bit of the generation in word. */
    public static final int SLOT_GENERATION_SHIFT = 2;
    /** Bits of the generation, after the shift; it wraps. */
    public static final int SLOT_GENERATION_MASK = 0x3fff_ffff;

    /** The ring memory is a whole number of these. */
    private static final int RING_PAGE_BYTES = 4096;

    private RingAbi() {}

    /** The word of a slot; a generation beyond 30 bits wraps. */
    public static int word(int generation, int state) {
        return ((generation & SLOT_GENERATION_MASK) << SLOT_GENERATION_SHIFT) | (state & SLOT_STATE_MASK);
    }

    /** The state in a slot's word, 0 to 3. */
    public static int state(int word) {
        return word & SLOT_STATE_MASK;
    }

    /** The generation in a slot's word, 0 to {@link #SLOT_GENERATION_MASK}. */
    public static int generation(int word) {
        return (word >>> SLOT_GENERATION_SHIFT) & SLOT_GENERATION_MASK;
    }

    /** The generation after this one; the one after the last is 0. */
    public static int nextGeneration(int generation) {
        return (generation + 1) & SLOT_GENERATION_MASK;
    }

    /** Offset of a slot in the ring memory, for {@code slot} from 0 to {@link #MAX_SLOTS} - 1. */
    public static long slotOffset(int slot) {
        return RING_HEADER_BYTES + (long) slot * SLOT_BYTES;
    }

    /** Bytes of the ring memory for so many slots: header and slots, rounded up to whole pages. */
    public static long ringBytes(int nrSlots) {
        return (slotOffset(nrSlots) + RING_PAGE_BYTES - 1) & -RING_PAGE_BYTES;
    }

    /** File descriptors that come with WELCOME: the ring, then kick and done eventfd of each slot in turn. */
    public static int welcomeFds(int nrSlots) {
        return 1 + 2 * nrSlots;
    }
}
