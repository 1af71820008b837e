package org.pviommu.journal.replay;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
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
 * How fast a journal is replayed, and how many bytes an operation takes. Arguments: operations in millions, rounds, and
 * {@code model} to replay on the model. A main, because a test must not depend on the speed of a machine.
 */
public final class ReplaySpeed {
    private static final long LAST_BFN = (1L << 36) - 1;
    private static final long FRAMES = 1 << 20;
    private static final int BATCH = 256;
    private static final long ARRAY_MFN = 1L << 30;

    private ReplaySpeed() {}

    /** See the class. */
    public static void main(String[] arguments) {
        int millions = arguments.length > 0 ? Integer.parseInt(arguments[0]) : 10;
        int rounds = arguments.length > 1 ? Integer.parseInt(arguments[1]) : 5;
        boolean model = arguments.length > 2 && arguments[2].equals("model");
        for (boolean sequential : new boolean[] {true, false}) {
            MemoryJournal journal = journal(millions * 1_000_000L / BATCH, sequential);
            long operations = millions * 1_000_000L / BATCH * BATCH;
            String name = sequential ? "sequential" : "scattered";
            System.out.printf(
                    "%s: batch=%d records=%d bytes/operation=%.3f bytes/record=%.1f%n",
                    name,
                    BATCH,
                    journal.size(),
                    (double) journal.bytes() / operations,
                    (double) journal.bytes() / journal.size());
            for (int round = 0; round < rounds; round++) {
                double seconds = replay(journal, model);
                System.out.printf("  %s: %.2f million operations/s%n", name, operations / seconds / 1e6);
            }
        }
    }

    /** Maps a batch and unmaps it, again and again, all over the memory. */
    private static MemoryJournal journal(long batches, boolean sequential) {
        MemoryJournal journal = new MemoryJournal();
        journal.started(new JournalRecord.ServiceStart(LAST_BFN, true, "speed"));
        Random random = new Random(1);
        try (Engine engine = new Engine(new IdleHost(LAST_BFN), journal.log())) {
            Guest guest = engine.addGuest(1, GuestPolicy.permissive(), java.util.List.of());
            guest.registerMemory(0, FRAMES, new AbsentMemory(FRAMES << 12, FileIdentity.NONE, 0));
            TestMemory arrays = new TestMemory(2);
            guest.registerMemory(ARRAY_MFN, 2, arrays);
            try (GuestDriver driver = new GuestDriver(engine, guest, arrays, ARRAY_MFN)) {
                for (long batch = 0; batch < batches; batch += 2) {
                    driver.write(operations(random, sequential, batch));
                    driver.call(IommuOp.MAP_PAGE, BATCH);
                    driver.call(IommuOp.UNMAP_PAGE, BATCH);
                }
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

    private static double replay(MemoryJournal journal, boolean model) {
        try (Arena arena = Arena.ofConfined()) {
            RecordSource source = new Native(journal, arena.allocate(journal.bytes()));
            try (Replayer replayer = model ? Replayer.onModel(source) : Replayer.onEngine(source)) {
                long start = System.nanoTime();
                ReplayReport report = replayer.run(Long.MAX_VALUE);
                double seconds = (System.nanoTime() - start) / 1e9;
                if (report.difference() != null) {
                    throw new IllegalStateException(report.difference().describe());
                }
                return seconds;
            }
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
