package org.pviommu.journal.store;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Reserving and appending allocate nothing on the Java heap, measured and not believed. Also prints what they cost. */
class HotPathAllocationTest {

    /** Code that allocates keeps doing so however long it runs, so patience with the compilers hides nothing. */
    private static final long PATIENCE_NS = 60_000_000_000L;

    private static final int PAYLOAD_BYTES = 64;
    private static final int CALLS = 100_000;

    /** For all calls together: what the measuring itself and the runtime may cost. */
    private static final long ALLOWED_BYTES = 4096;

    @TempDir
    Path temporary;

    private final ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();

    @Test
    void shouldAllocateNothingPerAppend() {
        Place place = Place.in(temporary);
        JournalSettings settings =
                place.settings().ringBytes(1 << 24).diskReserveBytes(8 << 20).build();
        try (JournalStore store = JournalStore.open(settings)) {
            MemorySegment payload = Records.segment(new byte[PAYLOAD_BYTES]);
            long deadlineNs = System.nanoTime() + PATIENCE_NS;
            long allocated = measure(store, payload);
            while (allocated > ALLOWED_BYTES && System.nanoTime() - deadlineNs < 0) {
                allocated = measure(store, payload);
            }
            assertTrue(allocated <= ALLOWED_BYTES, "allocatedBytes=" + allocated + " calls=" + CALLS);
        }
    }

    private long measure(JournalStore store, MemorySegment payload) {
        long before = threads.getCurrentThreadAllocatedBytes();
        append(store, payload, CALLS);
        return threads.getCurrentThreadAllocatedBytes() - before;
    }

    private static void append(JournalStore store, MemorySegment payload, int calls) {
        for (int i = 0; i < calls; i++) {
            while (!store.reserve(2, 2 * PAYLOAD_BYTES, false)) {
                Thread.onSpinWait();
            }
            store.append(1, payload, PAYLOAD_BYTES);
            store.unreserve(1, PAYLOAD_BYTES);
        }
    }

    /** Only printed: what it costs depends on the machine. Without the writer, as many as fit into the ring. */
    @Test
    void shouldPrintWhatAnAppendCosts() {
        Place place = Place.in(temporary);
        JournalSettings settings =
                place.settings().ringBytes(1 << 24).diskReserveBytes(8 << 20).build();
        try (JournalStore store = JournalStore.open(settings)) {
            MemorySegment payload = Records.segment(new byte[PAYLOAD_BYTES]);
            append(store, payload, 300_000);
            long startNs = System.nanoTime();
            append(store, payload, 1_000_000);
            long withWriterNs = (System.nanoTime() - startNs) / 1_000_000;
            store.flush();
            assertEquals(1_300_000, store.writtenSequence());
            long alone = costWithoutWriter(temporary.resolve("alone"), payload);
            System.out.println(
                    "append of " + PAYLOAD_BYTES + " bytes, one thread: " + alone + " ns; with the writer running: "
                            + withWriterNs + " ns (waits=" + store.stats().waits() + ")");
        }
    }

    private static long costWithoutWriter(Path where, MemorySegment payload) {
        WriterGate gate = new WriterGate();
        JournalSettings settings = Place.in(where)
                .settings()
                .ringBytes(1 << 24)
                .diskReserveBytes(8 << 20)
                .build();
        try (JournalStore store = JournalStore.open(settings, gate)) {
            append(store, payload, 1);
            gate.awaitStall();
            int fitting = (int) (settings.highWaterBytes() / JournalRing.costBytes(2, 2 * PAYLOAD_BYTES));
            long startNs = System.nanoTime();
            append(store, payload, fitting);
            long costNs = (System.nanoTime() - startNs) / fitting;
            gate.open();
            return costNs;
        }
    }
}
