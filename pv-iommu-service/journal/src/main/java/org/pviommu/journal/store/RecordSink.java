package org.pviommu.journal.store;

import java.lang.foreign.MemorySegment;

/** Where the ring's records go. */
@FunctionalInterface
interface RecordSink {

    /**
     * Takes the next record.
     *
     * @param memory where the payload is, {@code payloadBytes} from {@code offsetBytes} on; valid during the call
     * @return whether it was taken, or was there already; false to be asked again later, with the same record
     */
    boolean take(long sequence, long timeMillis, int kind, MemorySegment memory, long offsetBytes, int payloadBytes);
}
