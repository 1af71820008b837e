package org.pviommu.journal.replay;

import java.lang.foreign.MemorySegment;

/** Records in their order, one after the other. */
public interface RecordSource {
    /**
     * Goes to the next record.
     *
     * @return false at the end
     */
    boolean next();

    /** Number of the record. */
    long sequence();

    /** When it was made, in milliseconds since 1970. */
    long timeMillis();

    /** Number of its kind. */
    int kind();

    /** Its content, valid until {@link #next}. */
    MemorySegment payload();
}
