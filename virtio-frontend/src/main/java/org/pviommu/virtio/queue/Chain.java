package org.pviommu.virtio.queue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Objects;

/**
 * One request: the buffers that a chain of descriptors names, readable ones first. A snapshot, so that what was checked is what is
 * used; reused for the next request.
 *
 * <p>Nothing is allocated after construction. One thread.
 */
public final class Chain {
    private static final int NEXT = 1;
    private static final int WRITE = 2;
    private static final int INDIRECT = 4;
    private static final ValueLayout.OfLong U64 = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final long[] address;
    private final long[] lengthBytes;
    /** An indirect table is copied here once, and only the copy is looked at (catalogue B09, B27). */
    private final MemorySegment table;

    private BufferMemory memory = GuestSpace.EMPTY;
    private long maxBytes;
    private int head;
    private int buffers;
    private int readableBuffers;
    private long readableBytes;
    private long writableBytes;

    /**
     * Room for the requests of a queue.
     *
     * @param queueSize how many buffers a request may have: a chain longer than its queue is against the rules, indirect or not
     */
    public Chain(int queueSize) {
        address = new long[queueSize];
        lengthBytes = new long[queueSize];
        table = Arena.ofAuto().allocate(SplitRing.descriptorBytes(queueSize), Long.BYTES);
    }

    /** How many buffers a request may have. */
    public int capacity() {
        return address.length;
    }

    /** Which descriptor it begins with: its name when it is answered. */
    public int head() {
        return head;
    }

    /** Sum of the device-readable buffers. */
    public long readableBytes() {
        return readableBytes;
    }

    /** Sum of the device-writable buffers. */
    public long writableBytes() {
        return writableBytes;
    }

    /**
     * Copies from the readable part, however it is cut into buffers (catalogue B15).
     *
     * @return false when a buffer cannot be accessed, see {@link BufferMemory#copyIn}
     * @throws IndexOutOfBoundsException when the range is not all in it
     */
    public boolean read(long from, MemorySegment to, long toOffset, long bytes) {
        Objects.checkFromIndexSize(from, bytes, readableBytes);
        long skip = from;
        long done = 0;
        for (int i = 0; i < readableBuffers && done < bytes; i++) {
            long piece = Math.min(lengthBytes[i] - skip, bytes - done);
            if (piece > 0) {
                if (!memory.copyIn(address[i] + skip, to, toOffset + done, piece)) {
                    return false;
                }
                done += piece;
            }
            skip = Math.max(0, skip - lengthBytes[i]);
        }
        return true;
    }

    /**
     * Copies to the writable part, however it is cut into buffers.
     *
     * @return false when a buffer cannot be accessed, see {@link BufferMemory#copyIn}
     * @throws IndexOutOfBoundsException when the range is not all in it
     */
    public boolean write(long at, MemorySegment from, long fromOffset, long bytes) {
        Objects.checkFromIndexSize(at, bytes, writableBytes);
        long skip = at;
        long done = 0;
        for (int i = readableBuffers; i < buffers && done < bytes; i++) {
            long piece = Math.min(lengthBytes[i] - skip, bytes - done);
            if (piece > 0) {
                if (!memory.copyOut(from, fromOffset + done, address[i] + skip, piece)) {
                    return false;
                }
                done += piece;
            }
            skip = Math.max(0, skip - lengthBytes[i]);
        }
        return true;
    }

    /**
     * Takes the chain that begins at {@code first}; each descriptor is read once.
     *
     * @return false when it breaks a rule; then the chain has no buffers
     */
    boolean take(SplitRing ring, BufferMemory space, QueueSettings settings, int first) {
        clear(space, first);
        maxBytes = settings.maxRequestBytes();
        int index = first;
        // Each step adds a buffer or ends the chain, and add() refuses more buffers than the queue has descriptors, so
        // a
        // loop of descriptors ends after size steps (catalogue B06, B07).
        while (true) {
            long at = ring.descriptorAddress(index);
            long rest = ring.descriptorRest(index);
            int flags = (int) (rest >>> 32) & 0xffff;
            if ((flags & INDIRECT) != 0) {
                boolean allowed = settings.indirect() && (flags & NEXT) == 0;
                return end(allowed && takeTable(at, rest & 0xffff_ffffL, ring.size()));
            }
            if (!add(at, rest & 0xffff_ffffL, (flags & WRITE) != 0)) {
                return end(false);
            }
            if ((flags & NEXT) == 0) {
                return end(true);
            }
            index = (int) (rest >>> 48);
            if (index >= ring.size()) {
                return end(false);
            }
        }
    }

    /** The same for an indirect table; one inside another is against the rules. */
    private boolean takeTable(long at, long bytes, int maxEntries) {
        long entries = bytes / SplitRing.DESCRIPTOR_BYTES;
        boolean whole = bytes % SplitRing.DESCRIPTOR_BYTES == 0 && entries >= 1 && entries <= maxEntries;
        if (!whole || !fits(at, bytes, false) || !memory.copyIn(at, table, 0, bytes)) {
            return false;
        }
        long index = 0;
        while (true) {
            long offset = index * SplitRing.DESCRIPTOR_BYTES;
            long rest = table.get(U64, offset + Long.BYTES);
            int flags = (int) (rest >>> 32) & 0xffff;
            boolean write = (flags & WRITE) != 0;
            if ((flags & INDIRECT) != 0 || !add(table.get(U64, offset), rest & 0xffff_ffffL, write)) {
                return false;
            }
            if ((flags & NEXT) == 0) {
                return true;
            }
            index = rest >>> 48;
            if (index >= entries) {
                return false;
            }
        }
    }

    private void clear(BufferMemory space, int first) {
        memory = space;
        head = first;
        buffers = 0;
        readableBuffers = 0;
        readableBytes = 0;
        writableBytes = 0;
    }

    private boolean end(boolean valid) {
        if (!valid) {
            clear(memory, head);
        }
        return valid;
    }

    private boolean add(long at, long bytes, boolean write) {
        // No overflow: lengths below 2^32 are added to a sum that was below the limit. Before the look at the memory,
        // which
        // is then bounded, too (catalogue B12).
        boolean tooMuch = readableBytes + writableBytes + bytes > maxBytes;
        boolean unordered = !write && buffers > readableBuffers; // catalogue B11
        if (buffers == address.length || tooMuch || unordered || !fits(at, bytes, write)) {
            return false;
        }
        address[buffers] = at;
        lengthBytes[buffers] = bytes;
        buffers++;
        if (write) {
            writableBytes += bytes;
        } else {
            readableBuffers++;
            readableBytes += bytes;
        }
        return true;
    }

    private boolean fits(long at, long bytes, boolean write) {
        boolean wraps = bytes > 0 && Long.compareUnsigned(at + (bytes - 1), at) < 0;
        return !wraps && memory.accessible(at, bytes, write);
    }
}
