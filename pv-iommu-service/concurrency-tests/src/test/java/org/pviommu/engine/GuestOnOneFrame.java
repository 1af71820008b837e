package org.pviommu.engine;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import org.pviommu.abi.IommuMapOp;
import org.pviommu.abi.IommuMixedOp;
import org.pviommu.abi.IommuOp;
import org.pviommu.host.SimulatedIommu;

/**
 * A guest that maps one bus frame to one of two frames of its memory, through real calls. One thread calls; any thread may use
 * {@link #space}.
 */
final class GuestOnOneFrame {
    static final long BFN = 5;
    private static final int PAGES = 2;
    /** Frame 0 holds the arrays. */
    static final long OLD_MFN = 1;

    /** So far away that both halves of a table entry change: one written in two steps would be seen. */
    static final long NEW_MFN = 1 << 20;

    /** What a reader sees, in the order in which it may, so that a smaller number after a larger one is back in time. */
    static final int OLD = 1;

    static final int NONE = 2;
    static final int NEW = 3;
    static final int MIXTURE = 4;

    private static final Engine ENGINE =
            new Engine(new SimulatedIommu(SimulatedIommu.Settings.defaults()), BatchLog.none());
    private static int guests;

    final AddressSpace space;
    final MemorySegment memory;
    private final HypercallExecutor executor;
    /** By the guest's own account, not by what a reader is told. */
    private boolean mapped;

    GuestOnOneFrame() {
        memory = Arena.global().allocate(PAGES << 12, 4096);
        Guest guest = newGuest();
        guest.registerMemory(0, PAGES, new Memory(memory));
        guest.registerMemory(NEW_MFN, 1, new Memory(Arena.global().allocate(4096, 4096)));
        space = guest.ownSpace();
        executor = new HypercallExecutor(ENGINE, guest);
    }

    private static synchronized Guest newGuest() {
        return ENGINE.addGuest(++guests, GuestPolicy.permissive(), List.of());
    }

    private record Memory(MemorySegment segment) implements GuestMemory {
        @Override
        public int fileDescriptor() {
            return -1;
        }

        @Override
        public long fileOffsetBytes() {
            return 0;
        }

        @Override
        public void close() {
            // lives as long as the process
        }
    }

    /** {@link #BFN} leads to {@link #OLD_MFN}, read-only, and nothing is owed. */
    void prepare() {
        if (mapped) {
            unmap();
        }
        map(OLD_MFN, Access.READ);
    }

    void map(long mfn, int access) {
        IommuMapOp.putBfn(memory, 0, BFN);
        IommuMapOp.putMfn(memory, 0, mfn);
        IommuMapOp.putFlags(memory, 0, access);
        call(IommuOp.MAP_PAGE, 1);
        requireStatus(IommuMapOp.status(memory, 0));
        mapped = true;
    }

    /** Returns when the flush is done: the frame is the guest's own again. */
    void unmap() {
        IommuMapOp.putBfn(memory, 0, BFN);
        call(IommuOp.UNMAP_PAGE, 1);
        requireStatus(IommuMapOp.status(memory, 0));
        mapped = false;
    }

    /** In one call from the old frame to the new one, which may be written. */
    void remap() {
        IommuMixedOp.putSubop(memory, 0, IommuOp.UNMAP_PAGE);
        IommuMixedOp.putFlags(memory, 0, 0);
        IommuMixedOp.putBfn(memory, 0, BFN);
        IommuMixedOp.putSubop(memory, IommuMixedOp.SIZE, IommuOp.MAP_PAGE);
        IommuMixedOp.putFlags(memory, IommuMixedOp.SIZE, Access.READ_WRITE);
        IommuMixedOp.putBfn(memory, IommuMixedOp.SIZE, BFN);
        IommuMixedOp.putMfn(memory, IommuMixedOp.SIZE, NEW_MFN);
        call(IommuOp.MIXED, 2);
        requireStatus(IommuMixedOp.status(memory, 0));
        requireStatus(IommuMixedOp.status(memory, IommuMixedOp.SIZE));
    }

    private void call(int subOp, int count) {
        long result = executor.call(subOp, 0, count);
        requireStatus((int) result);
    }

    private static void requireStatus(int status) {
        if (status != 0) {
            throw new IllegalStateException("status=" + status);
        }
    }

    long content(long mfn) {
        return memory.get(ValueLayout.JAVA_LONG, mfn << 12);
    }

    void setContent(long mfn, long value) {
        memory.set(ValueLayout.JAVA_LONG, mfn << 12, value);
    }

    /** {@link #NONE}, {@link #OLD}, {@link #NEW}, or {@link #MIXTURE} for anything else. */
    int seen() {
        Translation now = space.translate(BFN);
        if (now == null) {
            return NONE;
        }
        boolean old = now.bfn() == BFN && now.mfn() == OLD_MFN && now.access() == Access.READ;
        boolean remapped = now.bfn() == BFN && now.mfn() == NEW_MFN && now.access() == Access.READ_WRITE;
        return old ? OLD : remapped ? NEW : MIXTURE;
    }
}
