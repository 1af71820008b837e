package org.pviommu.journal.record;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.pviommu.abi.IommuOp;
import org.pviommu.engine.EndpointDescriptor;
import org.pviommu.engine.Engine;
import org.pviommu.engine.FrameRange;
import org.pviommu.engine.Guest;
import org.pviommu.engine.GuestPolicy;
import org.pviommu.engine.ReservedRegion;
import org.pviommu.engine.support.AttachOp;
import org.pviommu.engine.support.ContextOp;
import org.pviommu.engine.support.GuestDriver;
import org.pviommu.engine.support.HostCall;
import org.pviommu.engine.support.MixedOp;
import org.pviommu.engine.support.Op;
import org.pviommu.engine.support.RangeOp;
import org.pviommu.engine.support.RecordingHost;
import org.pviommu.engine.support.TestMemory;
import org.pviommu.journal.Seed;

/** A payload may come from anywhere: whatever it is, there is a record or a {@link BadRecordException}, soon and cheaply. */
@Timeout(60)
class RecordGarbageTest {
    /** A record's objects are a small multiple of its bytes; this is far above it and far below what a count could ask for. */
    private static final long MAX_ALLOCATED_BYTES = 1 << 17;

    private record Payload(RecordKind kind, List<Byte> bytes) {}

    private static List<Payload> examples() {
        CheckedLog log = new CheckedLog();
        RecordingHost host = new RecordingHost(4095, true);
        ReservedRegion msi = new ReservedRegion(new FrameRange(60, 61), ReservedRegion.Kind.MSI);
        try (Engine engine = new Engine(host, log)) {
            Guest guest = engine.addGuest(
                    1,
                    new GuestPolicy(true, true, 256, 100, 20, 50, 4, List.of(new FrameRange(3, 4))),
                    List.of(new EndpointDescriptor(0x10000, List.of(msi))));
            TestMemory memory = new TestMemory(16);
            guest.registerMemory(0, 16, memory);
            try (GuestDriver driver = new GuestDriver(engine, guest, memory, 0)) {
                host.answerOnce(HostCall.Kind.UNMAP, -5);
                driver.map(Op.rw(1, 8).run(5));
                driver.unmap(Op.at(1), Op.at(99));
                driver.mixed(MixedOp.unmap(2), MixedOp.map(2, 9), MixedOp.map(70, 5));
                driver.mapRange(new RangeOp(100, 5, 4, 3));
                driver.unmapRange(new RangeOp(100, 0, 4, 0));
                int context = driver.allocContext();
                driver.run(IommuOp.ATTACH_DEVICE, new AttachOp(0x10000, context));
                driver.run(IommuOp.FREE_CONTEXT, new ContextOp(context));
            }
        }
        List<Payload> all = new ArrayList<>();
        for (int i = 0; i < log.records.size(); i++) {
            RecordKind kind = log.records.get(i) instanceof JournalRecord.Slice ? RecordKind.SLICE : RecordKind.CHANGE;
            List<Byte> bytes = new ArrayList<>();
            for (byte each : log.payloads.get(i)) {
                bytes.add(each);
            }
            all.add(new Payload(kind, bytes));
        }
        return all;
    }

    private static byte[] bytes(Payload payload) {
        byte[] all = new byte[payload.bytes().size()];
        for (int i = 0; i < all.length; i++) {
            all[i] = payload.bytes().get(i);
        }
        return all;
    }

    /** True when it is a record. */
    private static boolean decodes(int kind, byte[] payload) {
        try {
            JournalRecord record = RecordDecoder.decode(kind, MemorySegment.ofArray(payload));
            if (record instanceof JournalRecord.Slice slice) {
                assertTrue(slice.operations() <= RecordEncoder.MAX_OPERATIONS);
                assertTrue(slice.runs().stream().allMatch(run -> run.count() > 0), "a run of nothing");
            }
            return true;
        } catch (BadRecordException expected) {
            return false;
        }
    }

    @Test
    void shouldRefuseEachTruncationOfARecord() {
        for (Payload payload : examples()) {
            byte[] whole = bytes(payload);
            assertTrue(decodes(payload.kind().number(), whole));
            for (int length = 0; length < whole.length; length++) {
                byte[] cut = java.util.Arrays.copyOf(whole, length);
                assertThrows(
                        BadRecordException.class,
                        () -> RecordDecoder.decode(payload.kind().number(), MemorySegment.ofArray(cut)),
                        () -> payload.kind() + " cut at " + cut.length);
            }
            byte[] longer = java.util.Arrays.copyOf(whole, whole.length + 1);
            assertTrue(!decodes(payload.kind().number(), longer), "a byte too many");
        }
    }

    @Test
    void shouldSurviveEachFlippedBit() {
        int refused = 0;
        for (Payload payload : examples()) {
            byte[] bytes = bytes(payload);
            for (int bit = 0; bit < bytes.length * 8; bit++) {
                bytes[bit / 8] ^= (byte) (1 << bit % 8);
                refused += decodes(payload.kind().number(), bytes) ? 0 : 1;
                bytes[bit / 8] ^= (byte) (1 << bit % 8);
            }
        }
        assertTrue(refused > 300, "refused=" + refused);
    }

    @Test
    void shouldSurviveRandomBytes() {
        Random random = new Random(Seed.of("RecordGarbageTest", 0));
        for (int round = 0; round < 200_000; round++) {
            byte[] bytes = new byte[random.nextInt(200)];
            random.nextBytes(bytes);
            decodes(random.nextInt(8) - 1, bytes);
        }
    }

    @Test
    void shouldSurviveRecordsWithSeveralBytesChanged() {
        Random random = new Random(Seed.of("RecordGarbageTest.changed", 0));
        List<Payload> examples = examples();
        int decoded = 0;
        for (int round = 0; round < 200_000; round++) {
            Payload payload = examples.get(random.nextInt(examples.size()));
            byte[] bytes = bytes(payload);
            for (int change = random.nextInt(4); change >= 0; change--) {
                bytes[random.nextInt(bytes.length)] = (byte) (random.nextBoolean() ? random.nextInt() : -1);
            }
            decoded += decodes(payload.kind().number(), bytes) ? 1 : 0;
        }
        assertTrue(decoded > 1000, "decoded=" + decoded); // otherwise only the first checks were reached
    }

    /** Each count of the format, one after the other, as large as it can be said, with next to nothing behind it. */
    @Test
    void shouldNotAllocateByACountBeforeItIsChecked() {
        List<Payload> examples = examples();
        for (int round = 0; round < 2; round++) { // the first round loads classes
            for (Payload payload : examples) {
                byte[] whole = bytes(payload);
                for (int at = 0; at < whole.length; at++) {
                    for (long count : new long[] {0, 0xfff, 0xffff, Integer.MAX_VALUE, -1}) {
                        byte[] bytes = withNumberAt(whole, at, count);
                        long allocated = allocatedBytes(payload.kind().number(), bytes);
                        int where = at;
                        assertTrue(
                                round == 0 || allocated < MAX_ALLOCATED_BYTES,
                                () -> payload.kind() + " at=" + where + " count=" + count + " allocated=" + allocated);
                    }
                }
            }
        }
    }

    /** The varint {@code count} instead of the byte at {@code at}. */
    private static byte[] withNumberAt(byte[] whole, int at, long count) {
        MemorySegment buffer = MemorySegment.ofArray(new byte[whole.length + RecordWriter.MAX_VARINT_BYTES]);
        RecordWriter writer = new RecordWriter(buffer);
        for (int i = 0; i < whole.length; i++) {
            if (i == at) {
                writer.putVarint(count);
            } else {
                writer.putByte(whole[i]);
            }
        }
        return buffer.asSlice(0, writer.lengthBytes()).toArray(java.lang.foreign.ValueLayout.JAVA_BYTE);
    }

    private static long allocatedBytes(int kind, byte[] bytes) {
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        long before = threads.getCurrentThreadAllocatedBytes();
        decodes(kind, bytes);
        return threads.getCurrentThreadAllocatedBytes() - before;
    }

    @Test
    void shouldRefuseAnEventThatNobodyWasAskedFor() {
        CheckedLog log = new CheckedLog();
        RecordingHost host = new RecordingHost(4095, true);
        try (Engine engine = new Engine(host, log)) {
            Guest guest = engine.addGuest(1, GuestPolicy.permissive(), List.of());
            guest.registerMemory(0, 16, new TestMemory(16));
        }
        byte[] payload = log.payloads.getLast(); // guest, by, digest, mapped, held, events, incomplete
        int events = 1 + 1 + CheckedLog.BY.length() + 8 + 1 + 1;
        byte[] bytes = new byte[payload.length + 4];
        System.arraycopy(payload, 0, bytes, 0, events);
        bytes[events] = 1;
        System.arraycopy(payload, events + 2, bytes, events + 6, payload.length - events - 2);

        assertTrue(decodes(RecordKind.CHANGE.number(), payload));
        assertTrue(!decodes(RecordKind.CHANGE.number(), bytes), "an event of no call");
        bytes[events + 4] = 1; // calls
        assertTrue(decodes(RecordKind.CHANGE.number(), bytes), "an event of one call");
    }
}
