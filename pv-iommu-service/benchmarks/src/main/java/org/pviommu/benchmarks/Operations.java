package org.pviommu.benchmarks;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.pviommu.abi.IommuMapOp;
import org.pviommu.abi.IommuStatus;

/** Arrays of {@link IommuMapOp}: batches as guests send them. */
final class Operations {
    private static final long PAGE_BYTES = 4096;
    private static final int NOT_ANSWERED = 1;

    private Operations() {}

    /** {@code n} operations with bus frames and frames in sequence, readable and writable, on a page boundary. */
    static MemorySegment sequential(Arena arena, int n, long firstBfn, long firstMfn) {
        MemorySegment operations = arena.allocate((long) n * IommuMapOp.SIZE, PAGE_BYTES);
        fill(operations, n, firstBfn, firstMfn);
        return operations;
    }

    /** Writes such operations to the start of {@code operations}. */
    static void fill(MemorySegment operations, int n, long firstBfn, long firstMfn) {
        for (int i = 0; i < n; i++) {
            long offset = (long) i * IommuMapOp.SIZE;
            IommuMapOp.putBfn(operations, offset, firstBfn + i);
            IommuMapOp.putMfn(operations, offset, firstMfn + i);
            IommuMapOp.putFlags(operations, offset, IommuMapOp.READABLE | IommuMapOp.WRITEABLE);
            IommuMapOp.putStatus(operations, offset, NOT_ANSWERED);
        }
    }

    /** Fails unless each of {@code n} operations succeeded: a batch that is refused is fast and means nothing. */
    static void requireAllOk(MemorySegment operations, int n) {
        for (int i = 0; i < n; i++) {
            int status = IommuMapOp.status(operations, (long) i * IommuMapOp.SIZE);
            if (status != IommuStatus.OK) {
                throw new IllegalStateException("operation=" + i + " status=" + status + ", not a valid measurement");
            }
        }
    }
}
