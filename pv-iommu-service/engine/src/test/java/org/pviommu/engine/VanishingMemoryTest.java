package org.pviommu.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.pviommu.engine.Bench.DATA_MFN;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.pviommu.abi.IommuMapOp;
import org.pviommu.abi.IommuMixedOp;
import org.pviommu.abi.IommuOp;
import org.pviommu.abi.IommuRangeOp;
import org.pviommu.engine.support.HostCall.Kind;
import org.pviommu.engine.support.Op;
import org.pviommu.engine.support.TestMemory;
import org.pviommu.natives.SharedMemory;

/**
 * Row A05 of the fault catalogue: arrays in a file that really shrinks under the call. The call ends with a {@link
 * GuestFaultException}, upon which a transport drops the guest; until then what it did is applied, recorded and flushed.
 *
 * <p>A transport takes sealed files only, so this is the second line of defence.
 */
class VanishingMemoryTest {
    private static final int PAGE_BYTES = 4096;
    private static final long FILE_MFN = 0x9000;
    private static final int FILE_PAGES = 2;
    private static final int OPERATIONS = 8;
    /** More than the compiler waits for. */
    private static final int WARM_UP_CALLS = 20_000;

    /** A memfd without seals, mapped as a transport maps a guest's. */
    private record FileMemory(SharedMemory memory) implements GuestMemory {
        static FileMemory create() {
            return new FileMemory(SharedMemory.create("vanishing", FILE_PAGES * PAGE_BYTES, 0));
        }

        /** What lies behind the first {@code pages} pages is gone, for every mapping. */
        void shrinkTo(int pages) {
            Path file = Path.of("/proc/self/fd/" + memory.fd().value());
            try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
                channel.truncate((long) pages * PAGE_BYTES);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        @Override
        public MemorySegment segment() {
            return memory.segment();
        }

        @Override
        public int fileDescriptor() {
            return memory.fd().value();
        }

        @Override
        public long fileOffsetBytes() {
            return memory.offsetBytes();
        }

        @Override
        public void close() {
            memory.close();
        }
    }

    /** A guest with its arrays in such a file. */
    private static final class FileBench implements AutoCloseable {
        final Bench bench = new Bench();
        final FileMemory file = FileMemory.create();
        final HypercallExecutor executor = new HypercallExecutor(bench.engine, bench.guest);

        FileBench() {
            bench.guest.registerMemory(FILE_MFN, FILE_PAGES, file);
        }

        /** The array begins {@code offsetBytes} into the file. */
        long call(int subOp, long offsetBytes) {
            return executor.call(subOp, FILE_MFN * PAGE_BYTES + offsetBytes, OPERATIONS);
        }

        /** One element for each of the bus frames 1, 2, ..., of whatever shape. */
        void write(int subOp, long offsetBytes) {
            for (int i = 0; i < OPERATIONS; i++) {
                long element = offsetBytes + (long) i * IommuOp.elementBytes(subOp);
                MemorySegment array = file.segment();
                switch (subOp) {
                    case IommuOp.MIXED -> {
                        IommuMixedOp.putSubop(array, element, IommuOp.UNMAP_PAGE);
                        IommuMixedOp.putBfn(array, element, 1 + i);
                    }
                    case IommuOp.UNMAP_RANGE -> {
                        IommuRangeOp.putBfn(array, element, 1 + i);
                        IommuRangeOp.putNrPages(array, element, 1);
                    }
                    default -> Op.rw(1 + i, DATA_MFN + i).write(array, element);
                }
            }
        }

        void shrinkAt(Kind kind, int pages) {
            bench.host.observe(call -> {
                if (call.kind() == kind) {
                    file.shrinkTo(pages);
                }
            });
        }

        @Override
        public void close() {
            executor.close();
            bench.host.observe(call -> {});
            bench.close();
            assertFalse(file.memory().segment().scope().isAlive(), "the mapping was not given back");
        }
    }

    @Test
    void A05_mapsStayAppliedAndRecordedWhenTheirArrayVanishes() {
        try (FileBench it = new FileBench()) {
            it.write(IommuOp.MAP_PAGE, 0);
            it.shrinkAt(Kind.MAP, 0);

            assertThrows(GuestFaultException.class, () -> it.call(IommuOp.MAP_PAGE, 0));

            assertEquals(List.of(new Mapping(1, DATA_MFN, OPERATIONS, 3)), it.bench.mappings());
            assertEquals(OPERATIONS, it.bench.log.last().operations());
            assertEquals(0, it.bench.log.last().status(OPERATIONS - 1));
            it.bench.check();
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {IommuOp.UNMAP_PAGE, IommuOp.UNMAP_RANGE, IommuOp.MIXED})
    void A05_removalsStayFlushedRecordedAndReleasedWhenTheirArrayVanishes(int subOp) {
        try (FileBench it = new FileBench()) {
            it.bench.driver.map(Op.rw(1, DATA_MFN).run(OPERATIONS));
            it.write(subOp, 0);
            it.shrinkAt(Kind.FLUSH, 0);

            assertThrows(GuestFaultException.class, () -> it.call(subOp, 0));

            assertEquals(SliceRecord.Flush.DONE, it.bench.log.last().flush());
            assertEquals(0, it.bench.holds(DATA_MFN));
            it.bench.checkEmpty();
        }
    }

    /** In compiled code the JVM reports a lost page later than in interpreted code, but not after the call. */
    @Test
    void A05_alsoWhenTheCodeIsCompiled() {
        try (FileBench it = new FileBench()) {
            it.write(IommuOp.MAP_PAGE, 0);
            for (int i = 0; i < WARM_UP_CALLS; i++) {
                assertEquals(0, it.call(IommuOp.MAP_PAGE, 0));
                assertEquals(0, it.call(IommuOp.UNMAP_PAGE, 0));
                if (i % 1000 == 0) {
                    it.bench.host.forgetCalls();
                    it.bench.log.forget();
                }
            }
            it.shrinkAt(Kind.MAP, 0);

            assertThrows(GuestFaultException.class, () -> it.call(IommuOp.MAP_PAGE, 0));

            assertEquals(OPERATIONS, it.bench.space().mappedPages());
            it.bench.check();
        }
    }

    /** Half of the array is there: its statuses are written, the others are not, and all operations were applied. */
    @Test
    void A05_statusesUpToTheHoleAreWritten() {
        try (FileBench it = new FileBench()) {
            long offset = PAGE_BYTES - 4L * IommuMapOp.SIZE;
            it.write(IommuOp.MAP_PAGE, offset);
            for (int i = 0; i < OPERATIONS; i++) {
                IommuMapOp.putStatus(it.file.segment(), offset + (long) i * IommuMapOp.SIZE, 1);
            }
            it.shrinkAt(Kind.MAP, 1);

            assertThrows(GuestFaultException.class, () -> it.call(IommuOp.MAP_PAGE, offset));

            for (int i = 0; i < 4; i++) {
                assertEquals(0, IommuMapOp.status(it.file.segment(), offset + (long) i * IommuMapOp.SIZE));
            }
            assertEquals(OPERATIONS, it.bench.space().mappedPages());
        }
    }

    @Test
    void A05_anArrayThatIsGoneBeforeItIsReadAppliesNothing() {
        try (FileBench it = new FileBench()) {
            it.write(IommuOp.MAP_PAGE, 0);
            it.file.shrinkTo(0);

            assertThrows(GuestFaultException.class, () -> it.call(IommuOp.MAP_PAGE, 0));

            it.bench.checkEmpty();
            assertEquals(List.of(), it.bench.log.slices());
        }
    }

    /** The engine itself goes on: no lock is kept, and the region can be given back and replaced. */
    @Test
    void A05_aRegionThatVanishedCanBeReplaced() {
        try (FileBench it = new FileBench()) {
            it.write(IommuOp.MAP_PAGE, 0);
            it.shrinkAt(Kind.MAP, 0);
            assertThrows(GuestFaultException.class, () -> it.call(IommuOp.MAP_PAGE, 0));
            it.bench.host.observe(call -> {});

            it.bench.guest.unregisterMemory(FILE_MFN, FILE_PAGES);
            TestMemory fresh = new TestMemory(FILE_PAGES);
            it.bench.guest.registerMemory(FILE_MFN, FILE_PAGES, fresh);

            for (int i = 0; i < OPERATIONS; i++) {
                Op.at(1 + i).write(fresh.segment(), (long) i * IommuMapOp.SIZE);
                fresh.segment().set(ValueLayout.JAVA_INT, (long) i * IommuMapOp.SIZE + IommuMapOp.STATUS_OFFSET, 1);
            }
            assertEquals(0, it.call(IommuOp.UNMAP_PAGE, 0));
            assertEquals(0, IommuMapOp.status(fresh.segment(), 7L * IommuMapOp.SIZE));
            it.bench.checkEmpty();
        }
    }

    /** Frames that vanish are mapped and held like others: a device gets a fault, the service does not touch them. */
    @Test
    void A05_framesThatVanishedAreReleasedLikeOthers() {
        try (FileBench it = new FileBench()) {
            it.bench.driver.map(Op.rw(1, FILE_MFN).run(FILE_PAGES));
            it.file.shrinkTo(0);

            it.bench.driver.unmapRun(1, FILE_PAGES);

            assertEquals(0, it.bench.driver.status(1));
            it.bench.guest.unregisterMemory(FILE_MFN, FILE_PAGES);
        }
    }

    /** What a transport does next: nothing of the guest is left. */
    @Test
    void A05_theGuestIsTornDownAfterwards() {
        try (FileBench it = new FileBench()) {
            it.write(IommuOp.MAP_PAGE, 0);
            it.shrinkAt(Kind.MAP, 0);
            assertThrows(GuestFaultException.class, () -> it.call(IommuOp.MAP_PAGE, 0));

            it.bench.engine.removeGuest(it.bench.guest);

            assertNull(it.bench.engine.guest(Bench.GUEST));
            assertEquals(0, it.bench.hostSpace().mappedPages());
            assertTrue(it.bench.hostSpace().isDestroyed());
            assertEquals(0, it.bench.guest.stats().mappedFrames());
        }
    }
}
