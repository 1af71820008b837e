package org.pviommu.virtio.block;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;
import org.pviommu.engine.Access;
import org.pviommu.engine.EndpointTranslation;
import org.pviommu.engine.HostIommu;
import org.pviommu.virtio.queue.BufferMemory;
import org.pviommu.virtio.queue.GuestSpace;
import org.pviommu.virtio.queue.MemoryRegion;
import org.pviommu.virtio.queue.RingMemory;

/**
 * Guest memory as an endpoint sees it. Addresses are bus addresses; each access translates them anew, piece by piece, within
 * sections of at most {@link EndpointTranslation#MAX_SECTION_BYTES} bytes, so that a removed mapping is out of use when the flush
 * that waits for those sections is over.
 *
 * <p>A refused access is reported when the section has ended, since a listener may do anything. One thread.
 */
final class TranslatedMemory implements BufferMemory, RingMemory {
    private final GuestSpace space;
    private final EndpointTranslation translation;
    private final int endpoint;
    private final HostIommu.FaultListener faults;
    private final BlockCounters counters;
    private final EndpointTranslation.Piece piece = new EndpointTranslation.Piece();

    /** Sections lie inside each other: a chain's table is read while its ring is. */
    private int depth;

    private int section;

    /** What {@link #locate} found: a region, where in it, and how far it goes on there. */
    private MemorySegment found = MemorySegment.NULL;

    private long foundOffset;
    private long foundBytes;

    /** The last place where a part of the ring was looked for in vain. */
    private boolean ringFaultKnown;

    private long ringFaultIova;
    private long ringFaultGeneration;
    private boolean faultWaits;
    private long faultIova;
    private boolean faultWrite;

    TranslatedMemory(
            GuestSpace space,
            EndpointTranslation translation,
            int endpoint,
            HostIommu.FaultListener faults,
            BlockCounters counters) {
        this.space = space;
        this.translation = translation;
        this.endpoint = endpoint;
        this.faults = faults;
        this.counters = counters;
    }

    boolean isOf(GuestSpace otherSpace, EndpointTranslation otherTranslation) {
        return space.equals(otherSpace) && translation.equals(otherTranslation);
    }

    @Override
    public boolean moves() {
        return true;
    }

    @Override
    public void enter() {
        if (depth == 0) {
            section = translation.enter();
        }
        depth++;
    }

    @Override
    public void exit() {
        depth--;
        if (depth == 0) {
            translation.exit(section);
            if (faultWaits) {
                faultWaits = false;
                faults.fault(endpoint, faultIova, faultWrite);
            }
        }
    }

    @Override
    public long generation() {
        return translation.generation();
    }

    /** Only the access itself tells. */
    @Override
    public boolean accessible(long address, long lengthBytes, boolean write) {
        return true;
    }

    /**
     * A front-end without an IOMMU of its own takes the ring's bus address for a guest address and tells what it calls the byte
     * there; the memory table leads back to the bus address.
     */
    @Override
    public @Nullable MemorySegment at(
            long userAddress, long lengthBytes, boolean write, @Nullable MemorySegment before) {
        MemoryRegion named = space.findUser(userAddress, lengthBytes);
        if (named == null) {
            return null;
        }
        long iova = named.guestAddress() + (userAddress - named.userAddress());
        int access = write ? Access.READ_WRITE : Access.READ; // a used index is taken over from the ring
        if (!locateRing(iova, access)) {
            return null;
        }
        MemorySegment region = found;
        long offset = foundOffset;
        for (long done = foundBytes; done < lengthBytes; done += foundBytes) {
            if (!locateRing(iova + done, access) || !found.equals(region) || foundOffset != offset + done) {
                return null;
            }
        }
        boolean same = before != null
                && before.address() == region.address() + offset
                && before.byteSize() == lengthBytes
                && before.scope().isAlive();
        return same ? before : region.asSlice(offset, lengthBytes);
    }

    /** As {@link #locate}; a ring that is looked for again and again is told of once, until something has changed. */
    private boolean locateRing(long iova, int access) {
        if (locate(iova, access)) {
            return true;
        }
        long generation = translation.generation();
        if (ringFaultKnown && ringFaultIova == iova && ringFaultGeneration == generation) {
            faultWaits = false;
            counters.refusedAccesses.decrement();
        }
        ringFaultKnown = true;
        ringFaultIova = iova;
        ringFaultGeneration = generation;
        return false;
    }

    @Override
    public boolean copyIn(long address, MemorySegment to, long toOffset, long lengthBytes) {
        return copy(address, to, toOffset, lengthBytes, false);
    }

    @Override
    public boolean copyOut(MemorySegment from, long fromOffset, long address, long lengthBytes) {
        return copy(address, from, fromOffset, lengthBytes, true);
    }

    private boolean copy(long iova, MemorySegment own, long ownOffset, long lengthBytes, boolean write) {
        for (long done = 0; done < lengthBytes; ) {
            long bytes = Math.min(lengthBytes - done, EndpointTranslation.MAX_SECTION_BYTES);
            enter();
            try {
                boolean copied = copySection(iova + done, own, ownOffset + done, bytes, write);
                GuestSpace.settle(); // an error of the copy comes before the section ends, or it would never end
                if (!copied) {
                    return false;
                }
            } finally {
                exit();
            }
            done += bytes;
        }
        return true;
    }

    private boolean copySection(long iova, MemorySegment own, long ownOffset, long lengthBytes, boolean write) {
        for (long done = 0; done < lengthBytes; ) {
            if (!locate(iova + done, write ? Access.WRITE : Access.READ)) {
                return false;
            }
            long bytes = Math.min(foundBytes, lengthBytes - done);
            if (write) {
                MemorySegment.copy(own, ownOffset + done, found, foundOffset, bytes);
            } else {
                MemorySegment.copy(found, foundOffset, own, ownOffset + done, bytes);
            }
            done += bytes;
        }
        (translation.isBypass() ? counters.bytesBypassing : counters.bytesTranslated).add(lengthBytes);
        return true;
    }

    /** Looks up one bus address; false, and a fault, when it leads nowhere. */
    private boolean locate(long iova, int access) {
        MemoryRegion region = translation.translate(iova, access, piece) ? space.find(piece.target()) : null;
        if (region == null) {
            counters.refusedAccesses.increment();
            faultWaits = true;
            faultIova = iova;
            faultWrite = (access & Access.WRITE) != 0;
            return false;
        }
        found = region.memory();
        foundOffset = piece.target() - region.guestAddress();
        foundBytes = Math.min(piece.lengthBytes(), region.sizeBytes() - foundOffset);
        return true;
    }
}
