package org.pviommu.host.contract;

import java.lang.foreign.MemorySegment;
import org.pviommu.engine.GuestMemory;
import org.pviommu.engine.HostIommu;

/** A backend with everything the contract needs around it. */
public interface HostUnderTest extends AutoCloseable {

    /** The backend, without address spaces. */
    HostIommu iommu();

    /** Endpoint 0 or 1: two different devices that can be attached. */
    int endpoint(int index);

    /** Zero-filled memory that the backend can map; closed by the caller. */
    GuestMemory allocate(int pages);

    /** Lets a device read; the bytes moved before the first refused page. Any thread. */
    int dmaRead(int endpoint, long iovaBytes, MemorySegment into);

    /** Lets a device write; the bytes moved before the first refused page. Any thread. */
    int dmaWrite(int endpoint, long iovaBytes, MemorySegment from);

    /**
     * Whether a translation that a device used stays usable between its removal and the flush. A host that invalidates
     * inside {@code unmap} answers no, and the tests then accept that it is gone early.
     */
    boolean keepsStaleEntries();

    /**
     * Whether a removal ends at the first page that is not mapped. A kernel goes on behind a hole and counts what it removed; the
     * tests then accept that more is gone.
     */
    default boolean stopsAtHoles() {
        return true;
    }

    /** How many rounds of a race test are worth it, where {@code usual} is right for a device that takes microseconds. */
    default int rounds(int usual) {
        return usual;
    }

    /** Closes the backend and what is around it. */
    @Override
    void close();
}
