package org.pviommu.virtio.block;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.pviommu.natives.DeviceFile;
import org.pviommu.natives.NativeException;

/** The file behind a disk. Offsets and lengths are in bytes and were checked against {@link #sizeBytes}. One thread. */
final class BlockImage implements AutoCloseable {
    /** FS_IOC_UNRESVSP64 and FS_IOC_ZERO_RANGE, linux/falloc.h: fallocate(2) with PUNCH_HOLE and ZERO_RANGE, as ioctls. */
    private static final int PUNCH_HOLE = 0x4030582b;

    private static final int ZERO_RANGE = 0x40305839;
    /** struct space_resv: 0 le16 type, 2 le16 whence (0 = from the beginning), 8 le64 start, 16 le64 length, then padding. */
    private static final int RANGE_BYTES = 48;

    private static final int ZEROES_BYTES = 64 * 1024;

    private final FileChannel file;
    /** For what a channel cannot do; null when the image is read-only. */
    private final @Nullable DeviceFile holes;

    private final long sizeBytes;
    private final MemorySegment range = Arena.ofAuto().allocate(RANGE_BYTES, Long.BYTES);
    private final ByteBuffer zeroes = ByteBuffer.allocateDirect(ZEROES_BYTES);

    private BlockImage(FileChannel file, @Nullable DeviceFile holes) throws IOException {
        this.file = file;
        this.holes = holes;
        long bytes = file.size();
        this.sizeBytes = bytes - bytes % BlockWire.SECTOR_BYTES;
    }

    /**
     * Opens an image, for writing if that is wanted and possible, and keeps others from using it meanwhile.
     *
     * @throws IllegalArgumentException when it is no regular file, shorter than a sector, or in use
     * @throws IOException when it cannot be opened
     */
    static BlockImage open(Path path, boolean readOnly) throws IOException {
        if (!Files.isRegularFile(path)) {
            throw new IllegalArgumentException("image=" + path + " is no regular file");
        }
        boolean writable = !readOnly && Files.isWritable(path);
        List<StandardOpenOption> modes = writable
                ? List.of(StandardOpenOption.READ, StandardOpenOption.WRITE)
                : List.of(StandardOpenOption.READ);
        FileChannel file = FileChannel.open(path, modes.toArray(StandardOpenOption[]::new));
        try {
            // Held until the channel is closed, against whoever heeds such locks; within this process against all.
            if (lock(file, !writable) == null) {
                throw new IllegalArgumentException("image=" + path + " is in use");
            }
            if (file.size() < BlockWire.SECTOR_BYTES) {
                throw new IllegalArgumentException(
                        "image=" + path + " bytes=" + file.size() + " min=" + BlockWire.SECTOR_BYTES);
            }
            return new BlockImage(file, writable ? DeviceFile.open(path.toString()) : null);
        } catch (IOException | RuntimeException e) {
            file.close();
            throw e;
        }
    }

    private static @Nullable FileLock lock(FileChannel file, boolean shared) throws IOException {
        try {
            return file.tryLock(0, Long.MAX_VALUE, shared);
        } catch (OverlappingFileLockException e) {
            return null; // in use in this very process
        }
    }

    boolean isWritable() {
        return holes != null;
    }

    long sizeBytes() {
        return sizeBytes;
    }

    /** Fills the buffer; false when that is not possible. */
    boolean read(ByteBuffer into, long offset) {
        try {
            long at = offset;
            while (into.hasRemaining()) {
                int bytes = file.read(into, at);
                if (bytes <= 0) {
                    return false; // somebody has cut the file short
                }
                at += bytes;
            }
            return true;
        } catch (IOException e) {
            return false;
        }
    }

    /** Writes all of the buffer; false when that is not possible. */
    boolean write(ByteBuffer from, long offset) {
        try {
            long at = offset;
            while (from.hasRemaining()) {
                at += file.write(from, at);
            }
            return true;
        } catch (IOException e) {
            return false;
        }
    }

    /** Has what was written so far on the disk; false when that is not certain. */
    boolean flush() {
        try {
            file.force(false);
            return true;
        } catch (IOException e) {
            return false;
        }
    }

    /** Gives room back where the file system can; what is read there afterwards is anything. */
    void discard(long offset, long bytes) {
        punch(PUNCH_HOLE, offset, bytes);
    }

    /**
     * Zeroes a range; false when that is not possible.
     *
     * @param mayFree whether its room may be given back
     */
    boolean zero(long offset, long bytes, boolean mayFree) {
        if (punch(mayFree ? PUNCH_HOLE : ZERO_RANGE, offset, bytes)) {
            return true;
        }
        for (long done = 0; done < bytes; done += ZEROES_BYTES) {
            zeroes.clear().limit((int) Math.min(ZEROES_BYTES, bytes - done));
            if (!write(zeroes, offset + done)) {
                return false;
            }
        }
        return true;
    }

    private boolean punch(int request, long offset, long bytes) {
        DeviceFile file = holes;
        if (file == null) {
            return false;
        }
        range.fill((byte) 0);
        range.set(BlockWire.U64, 8, offset);
        range.set(BlockWire.U64, 16, bytes);
        return file.ioctl(request, range) == 0;
    }

    /** Closes the file; what a guest has not flushed is the kernel's to write, as for any file. */
    @Override
    public void close() {
        try {
            if (holes != null) {
                holes.close();
            }
            file.close();
        } catch (IOException | NativeException e) {
            throw new IllegalStateException("image cannot be closed: " + e.getMessage(), e);
        }
    }
}
