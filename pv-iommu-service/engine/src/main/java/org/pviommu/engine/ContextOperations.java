package org.pviommu.engine;

import org.jspecify.annotations.Nullable;
import org.pviommu.abi.IommuAttachOp;
import org.pviommu.abi.IommuContextOp;
import org.pviommu.abi.IommuOp;
import org.pviommu.abi.IommuStatus;

/**
 * Creates and removes address spaces of a guest and attaches its endpoints to them. Each element takes effect before the next
 * is looked at. Under the guest's lock.
 */
final class ContextOperations {
    private static final int EBUSY = 16;

    private final Engine engine;
    private final Guest guest;
    private final SliceRecord record = new SliceRecord();

    // The slice.
    private int subOp;
    private long operations;
    private long statuses;
    private int count;
    /** Elements before this one are in a record already. */
    private int recorded;

    ContextOperations(Engine engine, Guest guest) {
        this.engine = engine;
        this.guest = guest;
    }

    /**
     * Applies {@code n} elements.
     *
     * @param elements our own copy; alloc_context writes the number of the new address space into it
     * @param newStatuses one byte each, positive errno
     */
    void apply(int newSubOp, long elements, int n, long newStatuses) {
        subOp = newSubOp;
        operations = elements;
        statuses = newStatuses;
        count = n;
        recorded = 0;
        boolean room = guest.log().reserve(n, subOp == IommuOp.FREE_CONTEXT);
        guest.beginCall();
        boolean finished = false;
        try {
            for (int i = 0; i < n; i++) {
                setStatus(i, room ? applyOne(elements, i, n) : IommuStatus.EIO);
            }
            finished = true;
        } finally {
            if (!finished) {
                commitBroken();
            }
        }
        if (room && recorded < n) {
            commit(n, SliceRecord.Flush.NONE);
        }
        if (!room) {
            guest.endCallUnrecorded();
        }
    }

    private void setStatus(int index, int status) {
        RawMemory.putByte(statuses + index, (byte) -status);
        if (status != IommuStatus.OK) {
            guest.counters().failures.add(1);
        }
    }

    private void commit(int to, SliceRecord.Flush flush) {
        int size = IommuOp.elementBytes(subOp);
        long first = operations + (long) recorded * size;
        record.set(guest.ownSpace(), subOp, size, first, statuses + recorded, to - recorded, flush);
        record.part(to == count ? SliceRecord.Part.CALL_END : SliceRecord.Part.OF_SLICE);
        recorded = to;
        guest.commit(record);
    }

    /** A mistake of the service: what was done is not known. */
    private void commitBroken() {
        record.set(
                guest.ownSpace(), subOp, IommuOp.elementBytes(subOp), operations, statuses, 0, SliceRecord.Flush.NONE);
        record.part(SliceRecord.Part.CALL_BROKEN);
        guest.commit(record);
    }

    private int applyOne(long elements, int index, int n) {
        return switch (subOp) {
            case IommuOp.ALLOC_CONTEXT -> alloc(elements + (long) index * IommuContextOp.SIZE);
            case IommuOp.FREE_CONTEXT -> free(elements + (long) index * IommuContextOp.SIZE, index);
            default -> attach(elements, index, n);
        };
    }

    private int alloc(long element) {
        int context = guest.freeContext();
        if (context < 0) {
            return IommuStatus.ENOSPC;
        }
        try {
            guest.addSpace(engine.newAddressSpace(guest, context));
        } catch (EngineException e) {
            return e.kind() == EngineException.Kind.LIMIT ? guest.tableQuota().refusal() : IommuStatus.EIO;
        }
        RawMemory.putInt(element + IommuContextOp.CTX_NO_OFFSET, context);
        return IommuStatus.OK;
    }

    /** The number is free again only when everything it owed is flushed (catalogue I5, A31). */
    private int free(long element, int index) {
        int context = RawMemory.getInt(element + IommuContextOp.CTX_NO_OFFSET);
        if (context == 0) {
            return IommuStatus.EINVAL;
        }
        AddressSpace space = guest.addressSpace(context);
        if (space == null) {
            return IommuStatus.ENOENT;
        }
        return guest.hasEndpoints(space) ? IommuStatus.EBUSY : drainAndClose(space, index);
    }

    /** Steps 3 to 6 for all of an address space: its frames are let go only after the record that says so. */
    private int drainAndClose(AddressSpace space, int index) {
        boolean removed = space.unmapAll();
        boolean flushed = space.flushAll();
        int status = removed && flushed ? IommuStatus.OK : IommuStatus.EIO;
        RawMemory.putByte(statuses + index, (byte) -status);
        commit(index + 1, flushed ? SliceRecord.Flush.DONE : SliceRecord.Flush.FAILED);
        if (flushed) {
            space.releaseAll();
        }
        if (status == IommuStatus.OK) {
            guest.closeSpace(space);
        }
        return status;
    }

    private int attach(long elements, int index, int n) {
        long element = elements + (long) index * IommuAttachOp.SIZE;
        if (RawMemory.getInt(element + IommuAttachOp.FLAGS_OFFSET) != 0) {
            return IommuStatus.EINVAL;
        }
        EndpointDescriptor endpoint = guest.endpoint(endpointId(element));
        AddressSpace target = guest.addressSpace(context(element));
        if (endpoint == null || target == null) {
            return IommuStatus.ENOENT;
        }
        if (guest.device().governs(endpoint.endpointId())) {
            return IommuStatus.EBUSY; // its virtio-iommu device decides
        }
        if (guest.attachment(endpoint.endpointId()) == target) {
            return IommuStatus.OK;
        }
        if (wouldPartGroup(endpoint, target, elements, index + 1, n)) {
            return IommuStatus.EBUSY;
        }
        return move(endpoint, target);
    }

    private static int endpointId(long element) {
        return RawMemory.getInt(element + IommuAttachOp.ENDPOINT_OFFSET);
    }

    private static int context(long element) {
        return RawMemory.getInt(element + IommuAttachOp.CTX_NO_OFFSET);
    }

    /**
     * Endpoints of one group share one address space. A group moves when one call names all of its members with the same
     * target; a call that would leave a member behind is refused. Elements before {@code next} are done: a member that they
     * could not move is not named any more.
     */
    @SuppressWarnings("ReferenceEquality") // both come from the guest's one list of endpoints
    private boolean wouldPartGroup(EndpointDescriptor endpoint, AddressSpace target, long elements, int next, int n) {
        for (EndpointDescriptor member : guest.endpoints()) {
            if (member.group() != endpoint.group() || guest.attachment(member.endpointId()) == target) {
                continue;
            }
            boolean moves = member.equals(endpoint) || isNamed(member, target, elements, next, n);
            if (!moves || mapsReserved(target, member)) {
                return true;
            }
        }
        return false;
    }

    private static boolean isNamed(EndpointDescriptor member, AddressSpace target, long elements, int next, int n) {
        for (int i = next; i < n; i++) {
            long element = elements + (long) i * IommuAttachOp.SIZE;
            if (endpointId(element) == member.endpointId()
                    && context(element) == target.context()
                    && RawMemory.getInt(element + IommuAttachOp.FLAGS_OFFSET) == 0) {
                return true;
            }
        }
        return false;
    }

    private static boolean mapsReserved(AddressSpace target, EndpointDescriptor endpoint) {
        return endpoint.reserved().stream()
                .map(ReservedRegion::bfns)
                .anyMatch(bfns -> target.nextOccupied(bfns.first(), bfns.last()) >= 0);
    }

    /**
     * The old address space is flushed before the new one serves the endpoint (XSA-442). The other members of its group are
     * blocked until their own elements come. When the new binding is refused the old one comes back, for all of them; an
     * endpoint for which even that fails stays blocked.
     */
    private int move(EndpointDescriptor endpoint, AddressSpace target) {
        AddressSpace old = spaceOfGroup(endpoint, target);
        if (old != null && !old.flushAndRelease()) {
            return IommuStatus.EIO;
        }
        int result = blockGroup(endpoint, target) ? guest.attach(endpoint.endpointId(), target) : IommuStatus.EIO;
        if (result == 0) {
            return IommuStatus.OK;
        }
        if (old != null) {
            bringBack(endpoint, old);
        }
        return result == -EBUSY ? IommuStatus.EBUSY : IommuStatus.EIO;
    }

    /** Where members of the group are that have not moved to {@code target} yet; null when all of those are blocked. */
    private @Nullable AddressSpace spaceOfGroup(EndpointDescriptor endpoint, AddressSpace target) {
        for (EndpointDescriptor member : guest.endpoints()) {
            AddressSpace space = guest.attachment(member.endpointId());
            if (member.group() == endpoint.group() && space != null && space != target) {
                return space;
            }
        }
        return null;
    }

    private boolean blockGroup(EndpointDescriptor endpoint, AddressSpace target) {
        boolean blocked = true;
        for (EndpointDescriptor member : guest.endpoints()) {
            if (member.group() == endpoint.group() && guest.attachment(member.endpointId()) != target) {
                blocked &= guest.detach(member.endpointId()) == 0;
            }
        }
        return blocked;
    }

    private void bringBack(EndpointDescriptor endpoint, AddressSpace old) {
        for (EndpointDescriptor member : guest.endpoints()) {
            if (member.group() == endpoint.group() && guest.attachment(member.endpointId()) == null) {
                guest.attach(member.endpointId(), old); // a refusal leaves it blocked, which is safe
            }
        }
    }
}
