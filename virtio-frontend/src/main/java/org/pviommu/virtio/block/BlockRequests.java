package org.pviommu.virtio.block;

import static org.pviommu.virtio.block.BlockWire.IOERR;
import static org.pviommu.virtio.block.BlockWire.OK;
import static org.pviommu.virtio.block.BlockWire.SECTOR_BYTES;
import static org.pviommu.virtio.block.BlockWire.SEGMENT_BYTES;
import static org.pviommu.virtio.block.BlockWire.UNSUPP;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import org.pviommu.virtio.queue.Chain;
import org.pviommu.virtio.queue.SplitQueue;

/**
 * Executes requests, one after the other. Data goes through a buffer of our own, so that no file is read or written while guest
 * memory is in use. What a request says is read once, and checked before anything happens.
 */
final class BlockRequests {
    /** Served in one go, so that answers are shown and messages heard in between, however large the requests are. */
    private static final long TURN_BYTES = 4 << 20;

    /** What a turn is charged for making the disk's own cache safe. */
    private static final long FLUSH_COST_BYTES = 1 << 20;

    private static final int BUFFER_BYTES = 64 * 1024;

    private final BlockImage image;
    private final BlockCounters counters;
    private final byte[] serial;
    private final ByteBuffer buffer = ByteBuffer.allocateDirect(BUFFER_BYTES);
    private final MemorySegment bytes = MemorySegment.ofBuffer(buffer);
    private final MemorySegment header = MemorySegment.ofBuffer(ByteBuffer.allocateDirect(BlockWire.HEADER_BYTES));
    private final MemorySegment segments =
            MemorySegment.ofBuffer(ByteBuffer.allocateDirect(BlockWire.MAX_SEGMENTS * SEGMENT_BYTES));
    private final MemorySegment status = MemorySegment.ofBuffer(ByteBuffer.allocateDirect(1));
    private boolean writeThrough;
    /** What this turn has moved, or what took as long. */
    private long moved;

    /** How many bytes from the beginning of the writable part this request has written. */
    private long written;

    BlockRequests(BlockImage image, String serial, BlockCounters counters) {
        this.image = image;
        this.counters = counters;
        this.serial = new byte[BlockWire.ID_BYTES];
        byte[] text = serial.getBytes(StandardCharsets.US_ASCII);
        System.arraycopy(text, 0, this.serial, 0, text.length);
    }

    /** A driver that cannot flush takes every answered write for a safe one (virtio 1.2, 5.2.6.2). */
    void writeThrough(boolean on) {
        writeThrough = on;
    }

    /** Serves what waits, up to the queue's size. */
    void serve(SplitQueue queue, Chain chain) {
        moved = 0;
        for (int served = 0; served < queue.size() && moved < TURN_BYTES; served++) {
            if (queue.next(chain) != SplitQueue.Next.REQUEST) {
                return;
            }
            moved += chain.readableBytes() + chain.writableBytes();
            counters.requests.increment();
            queue.complete(chain.head(), answer(chain));
        }
    }

    /** Executes a request and writes its status, the last writable byte; how much of the writable part is written. */
    private long answer(Chain chain) {
        written = 0;
        long data = chain.writableBytes() - BlockWire.STATUS_BYTES;
        if (data < 0) {
            counters.failedRequests.increment();
            return 0; // B16, B17: nowhere to write a status, so nothing is done
        }
        int result = execute(chain, data);
        if (result != OK) {
            counters.failedRequests.increment();
        }
        status.set(ValueLayout.JAVA_BYTE, 0, (byte) result);
        boolean told = chain.write(data, status, 0, BlockWire.STATUS_BYTES);
        // The length promises that all bytes up to it were written; behind a gap the status is there all the same.
        return told && written == data ? data + BlockWire.STATUS_BYTES : written;
    }

    private int execute(Chain chain, long writable) {
        long readable = chain.readableBytes() - BlockWire.HEADER_BYTES;
        if (readable < 0 || !chain.read(0, header, 0, BlockWire.HEADER_BYTES)) {
            return IOERR;
        }
        long sector = header.get(BlockWire.U64, 8);
        return switch (header.get(BlockWire.U32, 0)) {
            case BlockWire.IN -> readable == 0 ? in(chain, sector, writable) : IOERR;
            case BlockWire.OUT -> writable == 0 ? out(chain, sector, readable) : IOERR;
            case BlockWire.FLUSH -> readable == 0 && writable == 0 && flush() ? OK : IOERR;
            case BlockWire.GET_ID -> readable == 0 ? id(chain, writable) : IOERR;
            case BlockWire.DISCARD -> writable == 0 ? ranges(chain, readable, false) : IOERR;
            case BlockWire.WRITE_ZEROES -> writable == 0 ? ranges(chain, readable, true) : IOERR;
            default -> UNSUPP;
        };
    }

    private boolean flush() {
        moved += FLUSH_COST_BYTES;
        return image.flush();
    }

    private int in(Chain chain, long sector, long length) {
        if (!isOnDisk(sector, length)) {
            return IOERR;
        }
        while (written < length) {
            int piece = (int) Math.min(BUFFER_BYTES, length - written);
            buffer.clear().limit(piece);
            if (!image.read(buffer, sector * SECTOR_BYTES + written) || !chain.write(written, bytes, 0, piece)) {
                return IOERR;
            }
            written += piece;
        }
        counters.bytesRead.add(length);
        return OK;
    }

    private int out(Chain chain, long sector, long length) {
        if (!image.isWritable() || !isOnDisk(sector, length)) {
            return IOERR;
        }
        for (long done = 0; done < length; ) {
            int piece = (int) Math.min(BUFFER_BYTES, length - done);
            buffer.clear().limit(piece);
            if (!chain.read(BlockWire.HEADER_BYTES + done, bytes, 0, piece)
                    || !image.write(buffer, sector * SECTOR_BYTES + done)) {
                return IOERR;
            }
            done += piece;
        }
        counters.bytesWritten.add(length);
        return !writeThrough || flush() ? OK : IOERR;
    }

    private int id(Chain chain, long writable) {
        int length = (int) Math.min(writable, BlockWire.ID_BYTES);
        MemorySegment.copy(serial, 0, bytes, ValueLayout.JAVA_BYTE, 0, length);
        if (!chain.write(0, bytes, 0, length)) {
            return IOERR;
        }
        written = length;
        return OK;
    }

    /** All segments are copied once and checked before the first is obeyed. */
    private int ranges(Chain chain, long length, boolean zero) {
        boolean whole = length >= SEGMENT_BYTES && length % SEGMENT_BYTES == 0 && length <= segments.byteSize();
        if (!whole || !image.isWritable() || !chain.read(BlockWire.HEADER_BYTES, segments, 0, length)) {
            return IOERR;
        }
        for (long at = 0; at < length; at += SEGMENT_BYTES) {
            int refusal = checkRange(at, zero);
            if (refusal != OK) {
                return refusal;
            }
        }
        for (long at = 0; at < length; at += SEGMENT_BYTES) {
            if (!obeyRange(at, zero)) {
                return IOERR;
            }
        }
        return !writeThrough || flush() ? OK : IOERR;
    }

    private int checkRange(long at, boolean zero) {
        int flags = segments.get(BlockWire.U32, at + 12);
        if ((flags & (zero ? ~BlockWire.SEGMENT_UNMAP : -1)) != 0) {
            return UNSUPP;
        }
        long sectors = Integer.toUnsignedLong(segments.get(BlockWire.U32, at + 8));
        long max = zero ? BlockWire.MAX_ZEROES_SECTORS : BlockWire.MAX_DISCARD_SECTORS;
        boolean fits = sectors <= max && isOnDisk(segments.get(BlockWire.U64, at), sectors * SECTOR_BYTES);
        return fits ? OK : IOERR;
    }

    private boolean obeyRange(long at, boolean zero) {
        long offset = segments.get(BlockWire.U64, at) * SECTOR_BYTES;
        long length = Integer.toUnsignedLong(segments.get(BlockWire.U32, at + 8)) * SECTOR_BYTES;
        if (zero) {
            moved += length;
            boolean mayFree = (segments.get(BlockWire.U32, at + 12) & BlockWire.SEGMENT_UNMAP) != 0;
            return image.zero(offset, length, mayFree);
        }
        image.discard(offset, length);
        return true;
    }

    /** Whole sectors, at least one, and all of them there. The last: no product overflows, the disk's size is below 2^63. */
    private boolean isOnDisk(long sector, long length) {
        long capacity = image.sizeBytes() / SECTOR_BYTES;
        return length > 0
                && length % SECTOR_BYTES == 0
                && Long.compareUnsigned(sector, capacity) < 0
                && length / SECTOR_BYTES <= capacity - sector;
    }
}
