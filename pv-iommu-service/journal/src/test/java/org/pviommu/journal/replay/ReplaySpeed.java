package org.pviommu.journal.replay;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Random;
import org.pviommu.abi.IommuOp;
import org.pviommu.engine.Engine;
import org.pviommu.engine.FileIdentity;
import org.pviommu.engine.Guest;
import org.pviommu.engine.GuestPolicy;
import org.pviommu.engine.support.Element;
import org.pviommu.engine.support.GuestDriver;
import org.pviommu.engine.support.Op;
import org.pviommu.engine.support.TestMemory;
import org.pviommu.journal.MemoryJournal;
import org.pviommu.journal.record.JournalRecord;

/**
 * How fast a journal is replayed, and how many bytes an operation takes. Arguments: operations in millions, rounds,
 * {@code sequential} or {@code scattered} for one stream only, {@code model} to replay on the model. All rounds must end with the same
 * digest. A main, because a test must not depend on the speed of a machine.
 */
public final class ReplaySpeed {
    private static final long LAST_BFN = (1L << 36) - 1;
    private static final long FRAMES = 1 << 20;
    private static final int BATCH = 256;
    private static final long ARRAY_MFN = 1L << 30;

    /** Start of the service, coming of the guest, its two regions. */
    private static final int FIRST_RECORDS = 4;

    private ReplaySpeed() {}

    /** See the class. */
    public static void main(String[] arguments) {
        List<String> words = List.of(arguments);
        long batches = (words.isEmpty() ? 10 : Integer.parseInt(words.getFirst())) * 1_000_000L / BATCH;
        int rounds = words.size() > 1 ? Integer.parseInt(words.get(1)) : 5;
        for (String stream : List.of("sequential", "scattered")) {
            if (words.contains(stream) || (!words.contains("sequential") && !words.contains("scattered"))) {
                measure(stream, journal(batches, stream.equals("sequential")), rounds, words.contains("model"));
            }
        }
    }

    private static void measure(String stream, MemoryJournal journal, int rounds, boolean model) {
        long operations = (long) (journal.size() - FIRST_RECORDS) * BATCH;
        System.out.printf(
                "%s: batch=%d records=%d bytes/operation=%.3f bytes/record=%.1f%n",
                stream,
                BATCH,
                journal.size(),
                (double) journal.bytes() / operations,
                (double) journal.bytes() / journal.size());
        try (Arena arena = Arena.ofConfined()) {
            Native source = new Native(journal, arena.allocate(journal.bytes()));
            List<GuestDigest> first = List.of();
            for (int round = 0; round < rounds; round++) {
                source.rewind();
                long startNs = System.nanoTime();
                ReplayReport report = replay(source, model);
                double seconds = (System.nanoTime() - startNs) / 1e9;
                System.out.printf(
                        "  %s: %.2f million operations/s, ends with %s%n",
                        stream, operations / seconds / 1e6, report.guests());
                if (round > 0 && !first.equals(report.guests())) {
                    throw new IllegalStateException("the first round ended with " + first);
                }
                first = report.guests();
            }
        }
    }

    /** Maps a batch and unmaps it, again and again, all over the memory. */
    private static MemoryJournal journal(long batches, boolean sequential) {
        MemoryJournal journal = new MemoryJournal();
        journal.started(new JournalRecord.ServiceStart(LAST_BFN, true, "speed"));
        Random random = new Random(1);
        try (Engine engine = new Engine(new IdleHost(LAST_BFN), journal.log())) {
            Guest guest = engine.addGuest(1, GuestPolicy.permissive(), List.of());
            guest.registerMemory(0, FRAMES, new AbsentMemory(FRAMES << 12, FileIdentity.NONE, 0));
            TestMemory arrays = new TestMemory(2);
            guest.registerMemory(ARRAY_MFN, 2, arrays);
            try (GuestDriver driver = new GuestDriver(engine, guest, arrays, ARRAY_MFN)) {
                for (long batch = 0; batch < batches; batch += 2) {
                    driver.write(operations(random, sequential, batch));
                    driver.call(IommuOp.MAP_PAGE, BATCH);
                    driver.call(IommuOp.UNMAP_PAGE, BATCH);
                }
                driver.write(operations(random, sequential, batches));
                driver.call(IommuOp.MAP_PAGE, BATCH); // so that there is a state at the end
            }
            return journal.head(journal.size());
        }
    }

    private static Element[] operations(Random random, boolean sequential, long batch) {
        Element[] all = new Element[BATCH];
        long first = batch * BATCH % (FRAMES - BATCH);
        for (int i = 0; i < BATCH; i++) {
            all[i] = Op.rw(first + (sequential ? i : i * 3L), sequential ? first + i : random.nextLong(FRAMES));
        }
        return all;
    }

    private static ReplayReport replay(RecordSource source, boolean model) {
        try (Replayer replayer = model ? Replayer.onModel(source) : Replayer.onEngine(source)) {
            ReplayReport report = replayer.run(Long.MAX_VALUE);
            if (report.difference() != null) {
                throw new IllegalStateException(report.difference().describe());
            }
            return report;
        }
    }

    /** The records one after the other outside the heap, as a file that is mapped shows them. */
    private static final class Native implements RecordSource {
        private final MemoryJournal journal;
        private final MemorySegment all;
        private final long[] ends;
        private final int[] kinds;
        private int index = -1;

        Native(MemoryJournal journal, MemorySegment all) {
            this.journal = journal;
            this.all = all;
            this.ends = new long[journal.size()];
            this.kinds = new int[journal.size()];
            RecordSource heap = journal.source();
            long end = 0;
            for (int i = 0; heap.next(); i++) {
                MemorySegment.copy(heap.payload(), 0, all, end, heap.payload().byteSize());
                end += heap.payload().byteSize();
                ends[i] = end;
                kinds[i] = heap.kind();
            }
        }

        void rewind() {
            index = -1;
        }

        @Override
        public boolean next() {
            return ++index < journal.size();
        }

        @Override
        public long sequence() {
            return index + 1L;
        }

        @Override
        public long timeMillis() {
            return index;
        }

        @Override
        public int kind() {
            return kinds[index];
        }

        @Override
        public MemorySegment payload() {
            long start = index == 0 ? 0 : ends[index - 1];
            return all.asSlice(start, ends[index] - start);
        }
    }
}
