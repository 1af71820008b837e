package org.pviommu.benchmarks;

import java.lang.foreign.MemorySegment;
import org.openjdk.jmh.annotations.CompilerControl;
import org.pviommu.engine.BareTable;

/** One of the two tables that are compared. Batches are arrays of {@link org.pviommu.abi.IommuMapOp}. */
interface PageTable extends AutoCloseable {
    /** 39-bit bus addresses; the aperture is {@code [0, LAST_BFN]}, inclusive. */
    long LAST_BFN = (1L << 27) - 1;

    /** Maps the first {@code n} operations and writes a status into each. */
    void map(MemorySegment operations, int n);

    /** Unmaps the first {@code n} operations and writes a status into each. */
    void unmap(MemorySegment operations, int n);

    /** The raw entry of {@code bfn}, 0 when there is none. */
    long entry(long bfn);

    @Override
    void close();

    /** An empty table: {@code c} is radix.c, {@code java} the engine's. */
    static PageTable open(String side) {
        return switch (side) {
            case "c" -> new CRadixTable(LAST_BFN);
            case "java" -> new EngineTable(new BareTable(LAST_BFN));
            default -> throw new IllegalArgumentException("side=" + side + " is neither c nor java");
        };
    }

    /** The engine's table; a batch is a call, as it is for C, so that neither is compiled into the loop around it. */
    record EngineTable(BareTable table) implements PageTable {
        @Override
        @CompilerControl(CompilerControl.Mode.DONT_INLINE)
        public void map(MemorySegment operations, int n) {
            table.map(operations, n);
        }

        @Override
        @CompilerControl(CompilerControl.Mode.DONT_INLINE)
        public void unmap(MemorySegment operations, int n) {
            table.unmap(operations, n);
        }

        @Override
        public long entry(long bfn) {
            return table.entry(bfn);
        }

        @Override
        public void close() {
            table.close();
        }
    }
}
