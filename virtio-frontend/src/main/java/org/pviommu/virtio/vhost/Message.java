package org.pviommu.virtio.vhost;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.pviommu.natives.FileDescriptor;

/**
 * One message as it arrived. Closing it closes the descriptors that nobody took, on whatever path.
 *
 * @param code the request's number
 * @param flags the header's flags
 * @param payload on the channel's buffer, which is this side's own: nobody changes it
 * @param fds descriptors that came along; those taken are removed
 */
record Message(int code, int flags, MemorySegment payload, List<FileDescriptor> fds) implements AutoCloseable {
    static final ValueLayout.OfInt U32 = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    static final ValueLayout.OfLong U64 = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    /** The header: 0 le32 request, 4 le32 flags, 8 le32 payload bytes. */
    static final int HEADER_BYTES = 12;

    static final int VERSION_MASK = 3;
    static final int VERSION = 1;
    static final int REPLY = 4;
    static final int NEED_REPLY = 8;

    /** The largest payload of any message that is taken is far below; the same limit as other back-ends have (catalogue C01). */
    static final int MAX_PAYLOAD_BYTES = 4096;

    boolean needsReply() {
        return (flags & NEED_REPLY) != 0;
    }

    int u32(int offset) {
        return payload.get(U32, offset);
    }

    long u64(int offset) {
        return payload.get(U64, offset);
    }

    /** The only descriptor, now the caller's; null when there is none. */
    @Nullable
    FileDescriptor takeFd() {
        return fds.isEmpty() ? null : fds.removeFirst();
    }

    @Override
    public void close() {
        fds.forEach(FileDescriptor::close);
        fds.clear();
    }
}
