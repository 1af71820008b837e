package org.pviommu.engine.support;

import java.lang.foreign.MemorySegment;

/** One element of an array as a guest writes it. */
public sealed interface Element permits Op, MixedOp, RangeOp, ContextOp, AttachOp {
    /** What a 64-bit word that the engine should write holds before a call. */
    long OLD_WORD = 0x5a5a_5a5a_5a5a_5a5aL;

    /** Bytes of the element. */
    int sizeBytes();

    /** Where its status is. */
    int statusOffset();

    /** Writes everything but the status. */
    void write(MemorySegment array, long offsetBytes);
}
