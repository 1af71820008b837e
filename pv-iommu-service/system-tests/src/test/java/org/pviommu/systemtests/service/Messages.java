package org.pviommu.systemtests.service;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import org.pviommu.abi.RingAbi;

/** A guest's messages as they should be; who wants them wrong spoils them. */
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

    /** Of a guest that was there before the service's last start. */
    static MemorySegment helloAgain(int guestId, int slots) {
        MemorySegment message = hello(guestId, slots);
        message.set(U32, RingAbi.HELLO_FLAGS_OFFSET, RingAbi.HELLO_RESUME);
        return message;
    }

    static MemorySegment resume() {
        return message(RingAbi.MSG_RESUME, RingAbi.RESUME_SIZE);
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

    private static MemorySegment message(int type, int sizeBytes) {
        MemorySegment message = Arena.ofAuto().allocate(sizeBytes);
        message.set(U32, RingAbi.MSG_TYPE_OFFSET, type);
        message.set(U32, RingAbi.MSG_SIZE_OFFSET, sizeBytes);
        return message;
    }
}
