package org.pviommu.server.ring;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import org.pviommu.abi.RingAbi;

/** A guest's messages, right by default; tests then spoil single fields. */
final class Messages {
    static final ValueLayout.OfShort U16 = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    static final ValueLayout.OfInt U32 = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    static final ValueLayout.OfLong U64 = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private Messages() {}

    static MemorySegment hello(int guestId, int slots) {
        MemorySegment message = message(RingAbi.MSG_HELLO, RingAbi.HELLO_SIZE);
        message.set(U32, RingAbi.HELLO_MAGIC_OFFSET, RingAbi.MAGIC);
        message.set(U16, RingAbi.HELLO_VERSION_MIN_OFFSET, (short) RingAbi.VERSION);
        message.set(U16, RingAbi.HELLO_VERSION_MAX_OFFSET, (short) RingAbi.VERSION);
        message.set(U32, RingAbi.HELLO_GUEST_ID_OFFSET, guestId);
        message.set(U32, RingAbi.HELLO_NR_SLOTS_OFFSET, slots);
        return message;
    }

    static MemorySegment register(long firstMfn, long pages, long fdOffsetBytes) {
        MemorySegment message = message(RingAbi.MSG_REGISTER_MEMORY, RingAbi.REGISTER_MEMORY_SIZE);
        message.set(U64, RingAbi.REGISTER_MEMORY_FIRST_MFN_OFFSET, firstMfn);
        message.set(U64, RingAbi.REGISTER_MEMORY_NR_PAGES_OFFSET, pages);
        message.set(U64, RingAbi.REGISTER_MEMORY_FD_OFFSET_OFFSET, fdOffsetBytes);
        return message;
    }

    static MemorySegment unregister(long firstMfn, long pages) {
        MemorySegment message = message(RingAbi.MSG_UNREGISTER_MEMORY, RingAbi.UNREGISTER_MEMORY_SIZE);
        message.set(U64, RingAbi.UNREGISTER_MEMORY_FIRST_MFN_OFFSET, firstMfn);
        message.set(U64, RingAbi.UNREGISTER_MEMORY_NR_PAGES_OFFSET, pages);
        return message;
    }

    static MemorySegment grant(long firstMfn, long pages, int granteeId, long granteeFirstMfn, int access) {
        MemorySegment message = message(RingAbi.MSG_GRANT, RingAbi.GRANT_SIZE);
        message.set(U64, RingAbi.GRANT_FIRST_MFN_OFFSET, firstMfn);
        message.set(U64, RingAbi.GRANT_NR_PAGES_OFFSET, pages);
        message.set(U64, RingAbi.GRANT_GRANTEE_FIRST_MFN_OFFSET, granteeFirstMfn);
        message.set(U32, RingAbi.GRANT_GRANTEE_ID_OFFSET, granteeId);
        message.set(U32, RingAbi.GRANT_ACCESS_OFFSET, access);
        return message;
    }

    static MemorySegment revoke(int granteeId, long granteeFirstMfn, int flags) {
        MemorySegment message = message(RingAbi.MSG_REVOKE, RingAbi.REVOKE_SIZE);
        message.set(U64, RingAbi.REVOKE_GRANTEE_FIRST_MFN_OFFSET, granteeFirstMfn);
        message.set(U32, RingAbi.REVOKE_GRANTEE_ID_OFFSET, granteeId);
        message.set(U32, RingAbi.REVOKE_FLAGS_OFFSET, flags);
        return message;
    }

    static MemorySegment message(int type, int sizeBytes) {
        MemorySegment message = Arena.ofAuto().allocate(Math.max(sizeBytes, RingAbi.MSG_HEADER_SIZE));
        message.set(U32, RingAbi.MSG_TYPE_OFFSET, type);
        message.set(U32, RingAbi.MSG_SIZE_OFFSET, sizeBytes);
        return message;
    }

    static MemorySegment with(MemorySegment message, int offset, int value) {
        message.set(U32, offset, value);
        return message;
    }

    static MemorySegment with(MemorySegment message, int offset, short value) {
        message.set(U16, offset, value);
        return message;
    }
}
