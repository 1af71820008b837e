package org.pviommu.engine;

import java.lang.foreign.MemorySegment;
import java.util.Objects;
import org.pviommu.abi.IommuMapOp;
import org.pviommu.abi.IommuStatus;

/**
 * The engine's table and nothing else, driven over a batch the way {@link MapRun} and {@link UnmapRun} drive it: read the operation,
 * check it, write the entry, write the status. What a batch does around that (copy, holds, host, flush, record, locks)
 * is left out, as it is in the C table that this is compared with (radix.c); tables that become empty stay.
 *
 * <p>Lives in the engine's package, but not in the engine's module, because the table is nobody else's business.
 *
 * <p>Not thread-safe. The aperture is {@code [0, lastBfn]}, inclusive.
 */
public final class BareTable implements AutoCloseable {
    /** 256 MiB of tables: more than any batch stream here can touch. */
    private static final int MAX_TABLE_PAGES = 1 << 16;

    private static final long NO_LEAF = -1;

    private final TableMemory memory = new TableMemory(MAX_TABLE_PAGES);
    private final RadixTable table =
            new RadixTable(memory, new TableQuota(MAX_TABLE_PAGES, () -> {}), new ReaderGate());
    private final long lastBfn;

    /** An empty table for bus frames {@code [0, lastBfn]}. */
    public BareTable(long lastBfn) {
        this.lastBfn = Objects.checkIndex(lastBfn, HostCapabilities.MAX_LAST_BFN + 1);
    }

    /** Maps the first {@code n} elements of {@code operations} ({@link IommuMapOp}) and writes a status into each. */
    public void map(MemorySegment operations, int n) {
        long ops = RawMemory.inUserSpace(addressOf(operations, n));
        long leaf = 0;
        long leafBfns = NO_LEAF;
        for (int i = 0; i < n; i++) {
            long op = ops + (long) i * IommuMapOp.SIZE;
            long bfn = RawMemory.getLong(op + IommuMapOp.BFN_OFFSET);
            long mfn = RawMemory.getLong(op + IommuMapOp.MFN_OFFSET);
            int flags = RawMemory.getInt(op + IommuMapOp.FLAGS_OFFSET);
            int status = checkMap(bfn, mfn, flags);
            if (status == IommuStatus.OK) {
                if (bfn >>> RadixTable.INDEX_BITS != leafBfns) {
                    leaf = RawMemory.inUserSpace(table.leafForMap(bfn));
                    leafBfns = leaf == 0 ? NO_LEAF : bfn >>> RadixTable.INDEX_BITS;
                }
                status = leaf == 0 ? IommuStatus.ENOMEM : setEntry(RadixTable.slot(leaf, bfn), mfn, flags);
            }
            RawMemory.putInt(op + IommuMapOp.STATUS_OFFSET, status);
        }
    }

    private int checkMap(long bfn, long mfn, int flags) {
        if (flags != IommuMapOp.READABLE && flags != (IommuMapOp.READABLE | IommuMapOp.WRITEABLE)) {
            return IommuStatus.EINVAL;
        }
        if (Long.compareUnsigned(bfn, lastBfn) > 0) {
            return IommuStatus.ERANGE;
        }
        return Long.compareUnsigned(mfn, PageEntry.LAST_MFN) > 0 ? IommuStatus.ENXIO : IommuStatus.OK;
    }

    private static int setEntry(long slot, long mfn, int flags) {
        if (RawMemory.getLong(slot) != PageEntry.EMPTY) {
            return IommuStatus.EADDRINUSE;
        }
        RawMemory.putLong(slot, PageEntry.mapped(mfn, flags));
        return IommuStatus.OK;
    }

    /** Unmaps the bus frames of the first {@code n} elements of {@code operations} and writes a status into each. */
    public void unmap(MemorySegment operations, int n) {
        long ops = RawMemory.inUserSpace(addressOf(operations, n));
        long leaf = 0;
        long leafBfns = NO_LEAF;
        for (int i = 0; i < n; i++) {
            long op = ops + (long) i * IommuMapOp.SIZE;
            long bfn = RawMemory.getLong(op + IommuMapOp.BFN_OFFSET);
            int status = IommuStatus.ERANGE;
            if (Long.compareUnsigned(bfn, lastBfn) <= 0) {
                if (bfn >>> RadixTable.INDEX_BITS != leafBfns) {
                    leaf = RawMemory.inUserSpace(table.leaf(bfn));
                    leafBfns = leaf == 0 ? NO_LEAF : bfn >>> RadixTable.INDEX_BITS;
                }
                status = leaf == 0 ? IommuStatus.ENOENT : clearEntry(RadixTable.slot(leaf, bfn));
            }
            RawMemory.putInt(op + IommuMapOp.STATUS_OFFSET, status);
        }
    }

    private static int clearEntry(long slot) {
        if (RawMemory.getLong(slot) == PageEntry.EMPTY) {
            return IommuStatus.ENOENT;
        }
        RawMemory.putLong(slot, PageEntry.EMPTY);
        return IommuStatus.OK;
    }

    /** Checked once a batch, so that a wrong count cannot leave the buffer. */
    private static long addressOf(MemorySegment operations, int n) {
        Objects.checkFromIndexSize(0, (long) n * IommuMapOp.SIZE, operations.byteSize());
        return operations.address();
    }

    /** The entry of {@code bfn} as the table holds it, 0 when there is none. */
    public long entry(long bfn) {
        return Long.compareUnsigned(bfn, lastBfn) > 0 ? PageEntry.EMPTY : table.entryForWriter(bfn);
    }

    @Override
    public void close() {
        memory.close();
    }
}
