package org.pviommu.server.ring;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import org.pviommu.abi.RingAbi;
import org.pviommu.natives.FileDescriptor;

/**
 * One message as it arrived: a private copy of its bytes, so no field can change after it was checked, and the file
 * descriptors that came with it. Closing it closes those that nobody took.
 */
final class Packet implements AutoCloseable {
    /** No message of a guest carries more. */
    static final int MAX_FDS = 1;

    static final ValueLayout.OfShort U16 = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    static final ValueLayout.OfInt U32 = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    static final ValueLayout.OfLong U64 = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final MemorySegment bytes;
    private final List<FileDescriptor> fds;

    Packet(MemorySegment bytes, List<FileDescriptor> fds) {
        this.bytes = bytes;
        this.fds = new ArrayList<>(fds);
    }

    /** Type of the message, or 0, which no message has, if the packet is too short to tell. */
    int typeOrZero() {
        return bytes.byteSize() < Integer.BYTES ? 0 : bytes.get(U32, RingAbi.MSG_TYPE_OFFSET);
    }

    /**
     * The type, of a packet whose header is whole and whose length is what the header says.
     *
     * @throws ProtocolException otherwise
     */
    int type() {
        long length = bytes.byteSize();
        if (length < RingAbi.MSG_HEADER_SIZE) {
            throw new ProtocolException("packet length=" + length + " min=" + RingAbi.MSG_HEADER_SIZE);
        }
        int size = u32(RingAbi.MSG_SIZE_OFFSET);
        if (size != length) {
            throw new ProtocolException("size=" + Integer.toUnsignedString(size) + " packet length=" + length);
        }
        return u32(RingAbi.MSG_TYPE_OFFSET);
    }

    /** Both are fixed by the message type; anything else is malformed. */
    void requireShape(String name, int sizeBytes, int fdCount) {
        if (bytes.byteSize() != sizeBytes) {
            throw new ProtocolException(name + " size=" + bytes.byteSize() + " expected=" + sizeBytes);
        }
        if (fds.size() != fdCount) {
            throw new ProtocolException(name + " file descriptors=" + fds.size() + " expected=" + fdCount);
        }
    }

    void requireZero(String field, int offset) {
        int value = u32(offset);
        if (value != 0) {
            throw new ProtocolException(field + "=0x" + Integer.toHexString(value) + " must be 0");
        }
    }

    int u16(int offset) {
        return Short.toUnsignedInt(bytes.get(U16, offset));
    }

    int u32(int offset) {
        return bytes.get(U32, offset);
    }

    long u64(int offset) {
        return bytes.get(U64, offset);
    }

    /** The one descriptor of a message that {@link #requireShape} found to have one; now the caller's to close. */
    FileDescriptor takeFd() {
        return fds.removeLast();
    }

    @Override
    public void close() {
        fds.forEach(FileDescriptor::close);
        fds.clear();
    }
}
