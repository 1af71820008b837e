package org.pviommu.systemtests.differential;

import static org.pviommu.systemtests.differential.Divergence.check;
import static org.pviommu.systemtests.differential.Divergence.found;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableSet;
import java.util.Random;
import java.util.TreeSet;
import org.pviommu.engine.Access;
import org.pviommu.engine.IotlbGather;
import org.pviommu.host.IotlbEntry;
import org.pviommu.host.SimulatedIommu;

/**
 * Devices that make the worst of what the IOTLB holds, and the invariants of the fault catalogue at the moments they speak
 * about: I1 and I3 when a flush begins and when memory is given back, I2 and I5 when a step is over.
 */
final class Adversary {
    private static final int CACHED_PER_STEP = 4;

    private final WorldShape shape;
    private final ReferenceModel model;
    private final Map<Integer, Seat> seats;
    private final SimulatedIommu simulated;
    private final Random random;
    private final Coverage coverage;
    private final List<GuestShape.Endpoint> endpoints;
    private final MemorySegment dmaBuffer;
    /** By the host's number of an address space. */
    private final Map<Integer, NavigableSet<Long>> removedSinceFlush = new HashMap<>();

    Adversary(
            WorldShape shape,
            ReferenceModel model,
            Map<Integer, Seat> seats,
            SimulatedIommu simulated,
            Random random,
            Coverage coverage,
            Arena arena) {
        this.shape = shape;
        this.model = model;
        this.seats = seats;
        this.simulated = simulated;
        this.random = random;
        this.coverage = coverage;
        this.endpoints = shape.guests().stream()
                .flatMap(guest -> guest.endpoints().stream())
                .toList();
        this.dmaBuffer = arena.allocate(Long.BYTES, Long.BYTES);
    }

    /** Any translation that is valid now may be cached. */
    void cacheSomeTranslations() {
        for (int i = 0; i < CACHED_PER_STEP; i++) {
            long bfn = anyBfn();
            if (isInAperture(bfn)) {
                simulated.cache(anyEndpoint(), bfn);
            }
        }
    }

    private int anyEndpoint() {
        return endpoints.get(random.nextInt(endpoints.size())).endpointId();
    }

    private long anyBfn() {
        return shape.bfns().get(random.nextInt(shape.bfns().size()));
    }

    private boolean isInAperture(long bfn) {
        return bfn >= 0 && bfn <= shape.lastBfn();
    }

    private static long frame(IotlbEntry entry) {
        return ((FrameMemory) entry.memory()).frameAt(entry.offsetBytes());
    }

    void removed(int space, long firstBfn, long pages) {
        NavigableSet<Long> removed = removedSinceFlush.computeIfAbsent(space, number -> new TreeSet<>());
        for (long bfn = firstBfn; bfn < firstBfn + pages; bfn++) {
            removed.add(bfn);
        }
    }

    /** I1: whatever the IOTLB still leads to is held. I3: the flush covers all that was removed. */
    void beforeFlush(int space, IotlbGather gather) {
        for (IotlbEntry entry : simulated.iotlb().entries()) {
            check(isHeld(entry.spaceId(), frame(entry)), "I1: released with a live IOTLB entry: %s", entry);
        }
        NavigableSet<Long> removed = removedSinceFlush.getOrDefault(space, new TreeSet<>());
        for (long bfn : removed) {
            check(gather.covers(bfn), "I3: removed bfn=%d is not in the flush", bfn);
        }
        useSomethingRemoved(space, removed);
    }

    void flushed(int space) {
        removedSinceFlush.remove(space);
    }

    /** A device that still has the translation uses it: it must reach the frame it always reached, which is held. */
    private void useSomethingRemoved(int space, NavigableSet<Long> removed) {
        Long bfn = removed.isEmpty() ? null : removed.ceiling(anyBfn());
        int endpoint = anyEndpoint();
        if (bfn == null || simulated.spaceId(endpoint).orElse(-1) != space) {
            return;
        }
        if (simulated.dmaRead(endpoint, bfn << 12, dmaBuffer) == 0) {
            return;
        }
        long frame = dmaBuffer.get(ValueLayout.JAVA_LONG, 0);
        check(isHeld(space, frame), "I1: DMA through bfn=%d reached frame=%d, which was released", bfn, frame);
        coverage.event(Event.OWED_HIT);
    }

    /** Whether the guest that has the address space holds the frame, under any of the numbers it has for it. */
    private boolean isHeld(long hostSpace, long frame) {
        GuestModel guest = found(model.guestOfHostSpace(hostSpace), "I5: entry of a freed context");
        Seat seat = found(seats.get(guest.id()), "no seat");
        return guest.regions.values().stream()
                .filter(region -> region.hasFrame(frame))
                .anyMatch(region -> seat.guest().holds(region.mfns.first() + frame - region.firstFrame) > 0);
    }

    /** No device may reach memory that is about to be unmapped. */
    void beforeMemoryCloses(FrameMemory memory) {
        check(!simulated.iotlb().containsMemory(memory), "I1: memory was given back with a live IOTLB entry");
        for (GuestShape.Endpoint endpoint : endpoints) {
            boolean reached =
                    simulated.areas(endpoint.endpointId()).stream().anyMatch(area -> memory.equals(area.memory()));
            check(!reached, "memory was given back although endpoint %d reaches it", endpoint.endpointId());
        }
    }

    /** I2: no translation in the IOTLB differs from the table, unless its flush was deferred or failed and it is owed. */
    void checkAfterStep() {
        for (IotlbEntry entry : simulated.iotlb().entries()) {
            GuestModel guest = found(model.guestOfHostSpace(entry.spaceId()), "I5: entry of a freed context");
            SpaceModel space = found(ReferenceModel.spaceOf(guest, entry.spaceId()), "unreachable");
            SpaceModel.Page page = space.page(entry.bfn());
            boolean current = page != null && page.frame() == frame(entry) && page.access() == entry.access();
            check(
                    current || space.mayBeStale(entry.bfn(), frame(entry)),
                    "I2: stale IOTLB entry after a step: %s",
                    entry);
        }
        GuestShape guest = shape.guests().get(random.nextInt(shape.guests().size()));
        int endpoint =
                guest.endpoints().get(random.nextInt(guest.endpoints().size())).endpointId();
        useTheDevice(model.guest(guest.guestId()), endpoint, anyBfn());
    }

    private void useTheDevice(GuestModel guest, int endpoint, long bfn) {
        SpaceModel space = guest.spaceOfEndpoint(endpoint);
        if (!isInAperture(bfn) || (space != null && space.waitsForFlush(bfn))) {
            return;
        }
        SpaceModel.Page page = space == null ? null : space.page(bfn);
        boolean read = simulated.dmaRead(endpoint, bfn << 12, dmaBuffer) == Long.BYTES;
        check(read == (page != null), "DMA read of bfn=%d by endpoint %d moved data: %s", bfn, endpoint, read);
        if (page != null) {
            long frame = dmaBuffer.get(ValueLayout.JAVA_LONG, 0);
            check(frame == page.frame(), "DMA through bfn=%d reached frame=%d expected=%s", bfn, frame, page);
            boolean written = simulated.dmaWrite(endpoint, bfn << 12, dmaBuffer) == Long.BYTES;
            check(written == ((page.access() & Access.WRITE) != 0), "DMA write of bfn=%d moved data: %s", bfn, written);
        }
    }
}
