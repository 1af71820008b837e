package org.pviommu.virtio.iommu;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.pviommu.virtio.vhost.MappedRegion;

/**
 * Port: domains, endpoints and mappings of one guest. Every answer is a status of {@link Wire}; one that is not OK has changed
 * nothing. All calls but none other come from the thread of the device's socket.
 *
 * <p>Requests come in batches. What a batch has removed is flushed once, by {@link #endBatch}, before the guest sees any answer.
 */
public interface IommuPort {

    /**
     * Attaches an endpoint, away from where it was; a domain that is not there is made, one that has lost its last endpoint goes.
     *
     * @param bypass whether the domain is one without translation
     * @return NOENT for an unknown endpoint (C32), INVAL when the domain is of the other kind (C34), UNSUPP when it cannot be in
     *     this domain (C33, C37, C38), NOMEM
     */
    int attach(int domain, int endpoint, boolean bypass);

    /** Detaches; NOENT for an unknown endpoint (C43), INVAL when it is not attached to that domain (C44). */
    int detach(int domain, int endpoint);

    /**
     * Maps. The range is neither empty nor inverted, aligned, within the limits of the configuration, and where it leads to
     * does not wrap.
     *
     * @param access {@link org.pviommu.engine.Access} bits; 0 keeps the range and lets nobody in
     * @param mmio whether it leads to device registers
     * @return NOENT for no such domain (C50), INVAL for a bypass domain (C51), an overlap (C48) or reserved memory (C55), NOMEM
     */
    int map(int domain, long first, long last, long target, int access, boolean mmio);

    /** Unmaps; NOENT (C61), INVAL for a bypass domain (C62), RANGE when a mapping would be cut (C63, C64). */
    int unmap(int domain, long first, long last);

    /** What an endpoint's driver must not map; null when there is no such endpoint. */
    @Nullable
    ReservedMemory probe(int endpoint);

    /**
     * Ends a batch: flushes what it has removed and records it.
     *
     * @return false when that failed: what was removed is not safely gone, and no removal of the batch is told as a success
     */
    boolean endBatch();

    /** Whether unattached endpoints reach guest memory from now on. */
    void setBypass(boolean on);

    /** The guest's memory has changed; see {@link org.pviommu.virtio.vhost.VhostDevice#memoryChanged}. */
    void memoryChanged(List<MappedRegion> regions);

    /** All attachments and domains end (C11). */
    void reset();

    /** The front-end is gone: all attachments and domains end, and the endpoints are blocked until {@link #setBypass} is called. */
    void disconnected();
}
