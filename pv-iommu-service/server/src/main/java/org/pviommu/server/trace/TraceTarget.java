package org.pviommu.server.trace;

import java.util.Set;
import org.pviommu.virtio.iommu.IommuPort;

/** Port: what carries out the requests of a trace, and can be asked afterwards what is there. */
public interface TraceTarget extends AutoCloseable {
    /** For the device; endpoints are those that the trace names. */
    IommuPort port();

    /** Every mapping of every domain. */
    Set<LiveMapping> live();

    /** The digest of all that is mapped, as the journal records it. */
    long digest();

    @Override
    void close();
}
