package org.pviommu.server;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.foreign.MemorySegment;
import org.pviommu.abi.IommuMapOp;
import org.pviommu.abi.IommuOp;
import org.pviommu.engine.Engine;
import org.pviommu.engine.Guest;
import org.pviommu.engine.GuestMemory;
import org.pviommu.engine.HypercallExecutor;
import org.pviommu.natives.SharedMemory;
import org.pviommu.server.config.GuestSettings;

/** A guest of the service's engine without the ring between: frames from 0 on, the last one for its arrays. */
public final class TestGuest implements AutoCloseable {
    public static final int READ = 1;
    public static final int READ_WRITE = 3;

    private static final int PAGE_BYTES = 4096;

    private final Engine engine;
    private final Guest guest;
    private final HypercallExecutor executor;
    private final MemorySegment memory;
    private final long arrayBytes;

    private TestGuest(Engine engine, Guest guest, MemorySegment memory) {
        this.engine = engine;
        this.guest = guest;
        this.executor = new HypercallExecutor(engine, guest);
        this.memory = memory;
        this.arrayBytes = memory.byteSize() - PAGE_BYTES;
    }

    public static TestGuest connect(TestService service, int id, int pages) {
        Engine engine = service.service().iommu().engine();
        GuestSettings settings = service.settings().guest(id);
        Guest guest = engine.addGuest(id, settings.policy(), settings.endpoints());
        SharedMemory shared = SharedMemory.create("pvi-test", (long) pages * PAGE_BYTES, 0);
        guest.registerMemory(0, pages, new Memory(shared));
        return new TestGuest(engine, guest, shared.segment());
    }

    /** The guest's memory, as it sees it. */
    public MemorySegment memory() {
        return memory;
    }

    /** Maps {@code pages} (at most 64) contiguous pages, which must succeed. */
    public void map(long bfn, long mfn, int pages, int flags) {
        for (int i = 0; i < pages; i++) {
            long at = arrayBytes + (long) i * IommuMapOp.SIZE;
            IommuMapOp.putBfn(memory, at, bfn + i);
            IommuMapOp.putMfn(memory, at, mfn + i);
            IommuMapOp.putFlags(memory, at, flags);
        }
        callAndCheck(IommuOp.MAP_PAGE, pages);
    }

    /** Unmaps {@code pages} (at most 64) contiguous pages, which must succeed. */
    public void unmap(long bfn, int pages) {
        for (int i = 0; i < pages; i++) {
            IommuMapOp.putBfn(memory, arrayBytes + (long) i * IommuMapOp.SIZE, bfn + i);
        }
        callAndCheck(IommuOp.UNMAP_PAGE, pages);
    }

    private void callAndCheck(int subOp, int operations) {
        assertEquals(0, executor.call(subOp, arrayBytes, operations));
        for (int i = 0; i < operations; i++) {
            assertEquals(0, IommuMapOp.status(memory, arrayBytes + (long) i * IommuMapOp.SIZE), "operation " + i);
        }
    }

    @Override
    public void close() {
        executor.close();
        engine.removeGuest(guest);
    }

    private record Memory(SharedMemory shared) implements GuestMemory {
        @Override
        public MemorySegment segment() {
            return shared.segment();
        }

        @Override
        public int fileDescriptor() {
            return shared.fd().value();
        }

        @Override
        public long fileOffsetBytes() {
            return 0;
        }

        @Override
        public void close() {
            shared.close();
        }
    }
}
