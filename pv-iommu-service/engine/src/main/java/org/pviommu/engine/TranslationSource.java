package org.pviommu.engine;

/** What the DMA of an endpoint is translated by. Read without a lock, inside a section of the guest's {@link ReaderGate}. */
interface TranslationSource {

    /** As {@link EndpointTranslation#translate}. */
    boolean lookUp(long iova, int access, EndpointTranslation.Piece into);

    /** Grows with each change that makes something wrong that was looked up before; before the flush that covers it. */
    long removals();
}
