package org.pviommu.virtio.memory;

import java.util.List;
import org.pviommu.virtio.vhost.MappedRegion;

/**
 * Port: who registers a guest's memory with the engine, under mfn = guest address >> 12. A guest may have several sockets that each
 * bring the same memory; one owner for all of them knows when it comes and when the last of them has gone.
 */
public interface MemoryOwner {

    /** A socket's memory table is now this; what is not in it is unmapped when this returns. */
    void memoryChanged(List<MappedRegion> regions);

    /** A socket's front-end is gone. */
    void disconnected();

    /** For a device whose memory is nobody else's business. */
    static MemoryOwner none() {
        return new MemoryOwner() {
            @Override
            public void memoryChanged(List<MappedRegion> regions) {}

            @Override
            public void disconnected() {}
        };
    }
}
