package org.pviommu.virtio.block;

import java.util.concurrent.atomic.LongAdder;

/** What has happened on a disk since it was opened. Any thread reads. */
public final class BlockCounters {
    final LongAdder requests = new LongAdder();
    final LongAdder failedRequests = new LongAdder();
    final LongAdder bytesRead = new LongAdder();
    final LongAdder bytesWritten = new LongAdder();
    final LongAdder bytesTranslated = new LongAdder();
    final LongAdder bytesBypassing = new LongAdder();
    final LongAdder refusedAccesses = new LongAdder();

    BlockCounters() {}

    /** Requests taken, whatever came of them. */
    public long requests() {
        return requests.sum();
    }

    /** Requests that were not answered with OK. */
    public long failedRequests() {
        return failedRequests.sum();
    }

    /** Bytes of the disk that guests have read. */
    public long bytesRead() {
        return bytesRead.sum();
    }

    /** Bytes of the disk that guests have written. */
    public long bytesWritten() {
        return bytesWritten.sum();
    }

    /** Bytes in buffers, headers and answers included, that were found by translation. */
    public long bytesTranslated() {
        return bytesTranslated.sum();
    }

    /** The same while the endpoint bypassed translation. */
    public long bytesBypassing() {
        return bytesBypassing.sum();
    }

    /** Accesses that were not made: blocked, not mapped, other rights, or no memory there. Rings are counted, too. */
    public long refusedAccesses() {
        return refusedAccesses.sum();
    }
}
