package org.pviommu.host;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;
import org.pviommu.engine.Access;
import org.pviommu.engine.ReaderGate;
import org.pviommu.host.DmaFault.Reason;

/**
 * The way of a DMA through the simulated IOMMU, page by page: find the address space, translate, check the permission,
 * copy. All of that happens inside one read section per page, so a flush or a detach waits for at most one page of each
 * device, well below the bound of 64 KiB.
 */
final class DmaPath {
    private static final Object POLL = new Object();

    private final ReaderGate gate;
    private final EndpointBindings endpoints;
    private final FaultLog faults;

    DmaPath(ReaderGate gate, EndpointBindings endpoints, FaultLog faults) {
        this.gate = gate;
        this.endpoints = endpoints;
        this.faults = faults;
    }

    /**
     * Moves all of {@code buffer} from or to {@code iovaBytes} on, up to the first refusal, which is reported.
     *
     * @return bytes moved
     */
    int transfer(int endpoint, long iovaBytes, MemorySegment buffer, boolean write) {
        int lengthBytes = checkedLength(buffer);
        int moved = 0;
        while (moved < lengthBytes) {
            // Cannot wrap round to address 0 unnoticed: the last page of the 64-bit space lies beyond any aperture, so
            // the walk of it ends the loop.
            long iova = iovaBytes + moved;
            int inPage = (int) (iova & (SimulatedIommu.PAGE_BYTES - 1));
            int chunk = Math.min(lengthBytes - moved, SimulatedIommu.PAGE_BYTES - inPage);
            Reason refusal = moveInPage(endpoint, iova, buffer, moved, chunk, write);
            if (refusal != null) {
                faults.report(new DmaFault(endpoint, iova, write, refusal));
                return moved;
            }
            moved += chunk;
        }
        return moved;
    }

    private @Nullable Reason moveInPage(
            int endpoint, long iova, MemorySegment buffer, int at, int chunk, boolean write) {
        int section = gate.enter();
        try {
            SimulatedSpace space = endpoints.find(endpoint);
            if (space == null) {
                return Reason.BLOCKED;
            }
            IotlbEntry entry = space.translate(iova >>> SimulatedIommu.PAGE_SHIFT);
            if (entry == null) {
                return Reason.NOT_MAPPED;
            }
            if (!entry.allows(write ? Access.WRITE : Access.READ)) {
                return Reason.NOT_PERMITTED;
            }
            long offset = entry.offsetBytes() + (iova & (SimulatedIommu.PAGE_BYTES - 1));
            return copy(entry, offset, buffer, at, chunk, write) ? null : Reason.MEMORY_GONE;
        } finally {
            gate.exit(section);
        }
    }

    /**
     * The one place that touches guest memory, and the one that survives its loss: a closed segment shows as {@link
     * IllegalStateException}, a file that was cut short under its mapping as {@link InternalError}.
     */
    private static boolean copy(IotlbEntry entry, long offset, MemorySegment buffer, int at, int chunk, boolean write) {
        try {
            MemorySegment guest = entry.memory().segment();
            if (write) {
                MemorySegment.copy(buffer, at, guest, offset, chunk);
            } else {
                MemorySegment.copy(guest, offset, buffer, at, chunk);
            }
            deliverPendingError();
            return true;
        } catch (IllegalStateException closed) {
            if (!buffer.scope().isAlive()) {
                throw closed; // the caller's buffer is what was closed: the caller's mistake, not a fault
            }
            return false;
        } catch (InternalError gone) {
            return false;
        }
    }

    /**
     * Makes the JVM throw here what it owes for a page that was not there. In compiled code the access only marks the
     * thread, and the error comes with the next safepoint poll, which after inlining lies anywhere in the callers; were
     * that between the two steps of leaving the read section, the section would stay open and every flush would wait
     * for ever. The way back from a native method looks at the mark. This one has no effect and is not an intrinsic.
     */
    private static void deliverPendingError() {
        if (Thread.holdsLock(POLL)) {
            throw new AssertionError("nobody locks this object");
        }
    }

    private static int checkedLength(MemorySegment buffer) {
        long lengthBytes = buffer.byteSize();
        if (lengthBytes > Integer.MAX_VALUE) {
            throw new IllegalArgumentException("lengthBytes=" + lengthBytes + " max=" + Integer.MAX_VALUE);
        }
        return (int) lengthBytes;
    }
}
