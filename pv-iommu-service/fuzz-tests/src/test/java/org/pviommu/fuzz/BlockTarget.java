package org.pviommu.fuzz;

import static org.pviommu.fuzz.Finding.check;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.pviommu.engine.Access;
import org.pviommu.engine.EndpointTranslation;
import org.pviommu.virtio.block.BlockDevice;
import org.pviommu.virtio.block.BlockSettings;
import org.pviommu.virtio.memory.MemoryOwner;
import org.pviommu.virtio.queue.Chain;
import org.pviommu.virtio.queue.QueueSettings;
import org.pviommu.virtio.queue.SplitQueue;

/**
 * Requests to the block device behind a translation: an input is what is mapped where, and requests of any form, some of whose
 * buffers lead nowhere.
 *
 * <p>Status, disk and guest memory are compared with what a naive reading of the same request says, byte by byte. A page that is
 * mapped for no write never changes; every lookup is within a section; every refused access is reported once.
 */
public final class BlockTarget implements EndpointTranslation {
    /** Name on the command line and folder of the corpus. */
    public static final String NAME = "block";

    private static final int SIZE = 16;
    private static final int MAX_STEPS = 24;
    private static final int PAGES = 4;
    private static final int DISK_BYTES = 32 << 10;
    private static final int OK = 0;
    private static final int IOERR = 1;
    private static final int UNSUPP = 2;
    private static final Path IMAGE = image();

    private final Input input;
    private final RingMemory memory = new RingMemory(SIZE);
    private final BlockDevice device;
    private final SplitQueue queue;
    private final Chain chain = new Chain(SIZE);
    private final byte[] disk = new byte[DISK_BYTES];
    private final boolean readOnly;
    /** Bus pages from {@link RingMemory#GUEST} on; the first is the ring's and always there. */
    private final int[] target = {0, 1, 2, 3, 1, 2};

    private final int[] access = {3, 3, 3, 3, 1, 2};
    private long generation;
    private int openSections;
    private int faults;
    private int nextUsed;

    private BlockTarget(Input input) throws IOException {
        this.input = input;
        for (int i = 0; i < disk.length; i++) {
            disk[i] = (byte) (i * 31 + (i >> 9));
        }
        Files.write(IMAGE, disk);
        readOnly = input.below(4) == 0;
        device = new BlockDevice(
                new BlockSettings(IMAGE, readOnly, "fuzz", 1),
                7,
                () -> this,
                MemoryOwner.none(),
                (endpoint, iova, write) -> faults++);
        device.acknowledged(input.below(2) == 0 ? -1L : 0);
        queue = SplitQueue.open(
                device.rings(0, RingMemory.space()),
                device.buffers(0, RingMemory.space()),
                memory.addresses(),
                SIZE,
                0,
                new QueueSettings(true, false, device.maxRequestBytes()));
    }

    private static Path image() {
        try {
            // In memory where there is such a place: many requests end with a flush.
            Path memory = Path.of("/dev/shm");
            Path image = Files.isWritable(memory)
                    ? Files.createTempFile(memory, "pvi-fuzz", ".img")
                    : Files.createTempFile("pvi-fuzz", ".img");
            image.toFile().deleteOnExit();
            return image;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** What the fuzzer calls. */
    public static void fuzzerTestOneInput(byte[] bytes) {
        Finding.guard(NAME, bytes, () -> new BlockTarget(new Input(bytes)).live());
    }

    private void live() throws IOException {
        try (BlockDevice closing = device) {
            for (int step = 0; step < MAX_STEPS && input.hasMore(); step++) {
                if (input.below(4) == 0) {
                    int page = 1 + input.below(access.length - 1);
                    target[page] = 1 + input.below(PAGES - 1);
                    access[page] = input.below(4);
                    generation++;
                } else {
                    request(closing);
                }
                RingMemory.checkGaps();
            }
        }
    }

    @Override
    public int enter() {
        return ++openSections;
    }

    @Override
    public void exit(int section) {
        check(section == openSections, "sections are not closed in turn");
        openSections--;
    }

    @Override
    public boolean translate(long iova, int wanted, Piece into) {
        check(openSections > 0, "a lookup outside of any section");
        long offset = iova - RingMemory.GUEST;
        if (offset < 0 || offset >= (long) access.length * RingMemory.PAGE_BYTES) {
            return false;
        }
        int page = (int) (offset / RingMemory.PAGE_BYTES);
        long within = offset % RingMemory.PAGE_BYTES;
        if ((access[page] & wanted) != wanted) {
            return false;
        }
        into.set(
                RingMemory.GUEST + (long) target[page] * RingMemory.PAGE_BYTES + within,
                RingMemory.PAGE_BYTES - within);
        return true;
    }

    @Override
    public long generation() {
        return generation;
    }

    @Override
    public boolean isBypass() {
        return false;
    }

    private record Buffer(long iova, int length, boolean write) {}

    private void request(BlockDevice served) throws IOException {
        List<Buffer> buffers = buffers();
        if (buffers.isEmpty()) {
            return;
        }
        for (int i = 0; i < buffers.size(); i++) {
            Buffer each = buffers.get(i);
            int flags = (each.write() ? RingMemory.WRITE : 0) | (i + 1 < buffers.size() ? RingMemory.NEXT : 0);
            memory.descriptor(i, each.iova(), each.length(), flags, i + 1);
        }
        memory.offer(0);
        Expected expected = new Expected(buffers);
        faults = 0;
        long refused = served.counters().refusedAccesses();
        RingMemory.remember();
        served.serve(0, queue, chain);
        queue.publish();
        check(openSections == 0, "sections=%d are open", openSections);
        check(queue.breakage() == null, "%s", queue.breakage());
        check(memory.usedIndex() == ((nextUsed + 1) & 0xffff), "no answer");
        check(faults == served.counters().refusedAccesses() - refused, "faults=%d", faults);
        int used = memory.usedLength(nextUsed);
        nextUsed = (nextUsed + 1) & 0xffff;
        expected.check(used);
    }

    /** A header, data and a status, all where the input says; sometimes any buffers. None when the ring is among them. */
    private List<Buffer> buffers() {
        List<Buffer> buffers = new ArrayList<>();
        int type = input.below(8) == 0 ? input.i32() : new int[] {0, 1, 0, 1, 4, 8, 11, 13}[input.below(8)];
        long header = address();
        byte[] fields = new byte[16];
        MemorySegment segment = MemorySegment.ofArray(fields);
        segment.set(RingMemory.U32, 0, type);
        segment.set(RingMemory.U64, 8, input.below(8) == 0 ? input.number() : input.below(70));
        boolean write = type == 0 || type == 8;
        long data = address();
        int length = input.below(4) == 0 ? input.u16() % 9000 : 512 * input.below(10);
        if (type == 11 || type == 13) {
            length = input.below(8) == 0 ? input.below(64) : 16 * (1 + input.below(3));
            for (int i = 0; i < 3; i++) {
                poke(data + 16L * i, RingMemory.U64, input.below(8) == 0 ? input.number() : input.below(64));
                long sectors = input.below(8) == 0 ? input.number() : input.below(8);
                poke(data + 16L * i + 8, RingMemory.U64, sectors | (long) input.below(3) << 32);
            }
        }
        pokeBytes(header, fields);
        buffers.add(new Buffer(header, input.below(16) == 0 ? input.below(24) : 16, false));
        int cut = length == 0 ? 0 : input.u16() % length;
        if (type != 4) {
            buffers.add(new Buffer(data, cut, write));
            buffers.add(new Buffer(data + cut, length - cut, write));
        }
        if (input.below(8) != 0) {
            buffers.add(new Buffer(address(), 1 + (input.below(16) == 0 ? input.below(32) : 0), true));
        }
        boolean meetsRing = buffers.stream()
                .anyMatch(each -> each.iova() + each.length() > RingMemory.GUEST
                        && each.iova() < RingMemory.GUEST + RingMemory.PAGE_BYTES);
        return meetsRing ? List.of() : buffers;
    }

    private long address() {
        if (input.below(16) == 0) {
            return RingMemory.THIRD + input.number();
        }
        long page = 1L + input.below(access.length - 1);
        return RingMemory.GUEST + page * RingMemory.PAGE_BYTES + (input.below(2) == 0 ? 0 : input.u16() & 0xfff);
    }

    /** The driver's own write, which needs no mapping. */
    private void poke(long iova, ValueLayout.OfLong layout, long value) {
        byte[] bytes = new byte[8];
        MemorySegment.ofArray(bytes).set(layout, 0, value);
        pokeBytes(iova, bytes);
    }

    private void pokeBytes(long iova, byte[] bytes) {
        for (int i = 0; i < bytes.length; i++) {
            long at = offset(iova + i, 0);
            if (at >= RingMemory.PAGE_BYTES) {
                memory.first().set(ValueLayout.JAVA_BYTE, at, bytes[i]);
            }
        }
    }

    /** Where in memory a bus address leads, -1 when nowhere or without these rights. */
    private long offset(long iova, int wanted) {
        long offset = iova - RingMemory.GUEST;
        if (offset < 0 || offset >= (long) access.length * RingMemory.PAGE_BYTES) {
            return -1;
        }
        int page = (int) (offset / RingMemory.PAGE_BYTES);
        return (access[page] & wanted) == wanted
                ? (long) target[page] * RingMemory.PAGE_BYTES + offset % RingMemory.PAGE_BYTES
                : -1;
    }

    /** What a request comes to, byte by byte. */
    private final class Expected {
        private final List<Long> readable = new ArrayList<>();
        private final List<Long> writable = new ArrayList<>();
        private final byte[] ram = memory.first().toArray(ValueLayout.JAVA_BYTE);
        private final int status;
        private final byte[] diskAfter = disk.clone();
        /** How much of the disk may have changed although the request failed. */
        private int touchedFrom;

        private int touchedBytes;
        private boolean discards;

        Expected(List<Buffer> buffers) {
            for (Buffer each : buffers) {
                for (int i = 0; i < each.length(); i++) {
                    (each.write() ? writable : readable).add(each.iova() + i);
                }
            }
            // Beyond the last address comes nothing: such a chain goes back as it came.
            boolean wraps = buffers.stream()
                    .anyMatch(each -> each.length() > 0
                            && Long.compareUnsigned(each.iova() + each.length() - 1, each.iova()) < 0);
            status = wraps || writable.isEmpty() ? -1 : execute();
        }

        private byte @Nullable [] read(int from, int length) {
            byte[] bytes = new byte[length];
            for (int i = 0; i < length; i++) {
                long at = offset(readable.get(from + i), Access.READ);
                if (at < 0) {
                    return null;
                }
                bytes[i] = ram[(int) at];
            }
            return bytes;
        }

        private boolean write(int from, byte[] bytes) {
            for (int i = 0; i < bytes.length; i++) {
                long at = offset(writable.get(from + i), Access.WRITE);
                if (at < 0) {
                    return false;
                }
                ram[(int) at] = bytes[i];
            }
            return true;
        }

        private int execute() {
            byte[] header = readable.size() < 16 ? null : read(0, 16);
            if (header == null) {
                return IOERR;
            }
            int type = MemorySegment.ofArray(header).get(RingMemory.U32, 0);
            long sector = MemorySegment.ofArray(header).get(RingMemory.U64, 8);
            int out = readable.size() - 16;
            int in = writable.size() - 1;
            return switch (type) {
                case 0 ->
                    out == 0 && isOnDisk(sector, in) && write(0, Arrays.copyOfRange(disk, at(sector), at(sector) + in))
                            ? OK
                            : IOERR;
                case 1 -> in == 0 && !readOnly && isOnDisk(sector, out) ? store(sector, out) : IOERR;
                case 4 -> in == 0 && out == 0 ? OK : IOERR;
                case 8 ->
                    out == 0 && write(0, Arrays.copyOf(new byte[] {'f', 'u', 'z', 'z'}, Math.min(in, 20))) ? OK : IOERR;
                case 11, 13 -> in == 0 && !readOnly ? ranges(out, type == 13) : IOERR;
                default -> UNSUPP;
            };
        }

        private static int at(long sector) {
            return (int) sector * 512;
        }

        private static boolean isOnDisk(long sector, long length) {
            return length > 0
                    && length % 512 == 0
                    && sector >= 0
                    && sector < DISK_BYTES / 512
                    && sector * 512 + length <= DISK_BYTES;
        }

        private int store(long sector, int length) {
            touchedFrom = at(sector);
            touchedBytes = length;
            byte[] bytes = read(16, length);
            if (bytes == null) {
                return IOERR;
            }
            System.arraycopy(bytes, 0, diskAfter, at(sector), length);
            return OK;
        }

        private int ranges(int length, boolean zero) {
            byte[] bytes = length < 16 || length % 16 != 0 || length > 256 ? null : read(16, length);
            if (bytes == null) {
                return IOERR;
            }
            MemorySegment segments = MemorySegment.ofArray(bytes);
            for (int i = 0; i < length; i += 16) {
                int flags = segments.get(RingMemory.U32, i + 12L);
                long sectors = Integer.toUnsignedLong(segments.get(RingMemory.U32, i + 8L));
                if ((flags & (zero ? ~1 : -1)) != 0) {
                    return UNSUPP;
                }
                if (!isOnDisk(segments.get(RingMemory.U64, i), sectors * 512)) {
                    return IOERR;
                }
            }
            for (int i = 0; i < length; i += 16) {
                int from = at(segments.get(RingMemory.U64, i));
                // What was discarded reads as anything; on the file systems that make holes it is zero, elsewhere as
                // before.
                Arrays.fill(diskAfter, from, from + 512 * segments.get(RingMemory.U32, i + 8L), (byte) 0);
            }
            if (!zero) {
                discards = true;
            }
            return OK;
        }

        void check(int used) throws IOException {
            if (status < 0) {
                Finding.check(used == 0, "used length=%d without a status", used);
                RingMemory.checkUnchangedBehind(RingMemory.PAGE_BYTES);
            } else {
                checkMemory(used);
            }
            byte[] now = Files.readAllBytes(IMAGE);
            if (discards) {
                System.arraycopy(now, 0, disk, 0, now.length);
                return;
            }
            if (status == OK) {
                int at = Arrays.mismatch(now, diskAfter);
                Finding.check(at < 0, "disk differs at %d", at);
            } else {
                for (int i = 0; i < now.length; i++) {
                    boolean touched = i >= touchedFrom && i < touchedFrom + touchedBytes;
                    Finding.check(now[i] == disk[i] || touched, "a failed request changed the disk at %d", i);
                }
            }
            System.arraycopy(now, 0, disk, 0, now.length);
        }

        private void checkMemory(int used) {
            int last = writable.size() - 1;
            long at = offset(writable.get(last), Access.WRITE);
            Finding.check(used <= writable.size(), "used length=%d writable=%d", used, writable.size());
            if (at >= 0) {
                int seen = memory.first().get(ValueLayout.JAVA_BYTE, at);
                Finding.check(seen == status, "status=%d expected=%d", seen, status);
                ram[(int) at] = (byte) status;
            }
            if (status == OK || status == UNSUPP) {
                byte[] now = memory.first().toArray(ValueLayout.JAVA_BYTE);
                int from = RingMemory.PAGE_BYTES;
                int differs = Arrays.mismatch(now, from, now.length, ram, from, ram.length);
                Finding.check(differs < 0, "memory differs at %d", from + differs);
            }
            for (int page = 1; page < PAGES; page++) {
                if (!isWritable(page)) {
                    RingMemory.checkUnchanged((long) page * RingMemory.PAGE_BYTES, RingMemory.PAGE_BYTES);
                }
            }
        }

        private boolean isWritable(int page) {
            for (int i = 1; i < target.length; i++) {
                if (target[i] == page && (access[i] & Access.WRITE) != 0) {
                    return true;
                }
            }
            return false;
        }
    }
}
