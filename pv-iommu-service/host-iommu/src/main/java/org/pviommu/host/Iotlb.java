package org.pviommu.host;

import java.util.Collection;
import java.util.List;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.pviommu.engine.GuestMemory;

/**
 * Inspection of a simulated IOMMU's IOTLB, for tests of the invariants and for people. Nothing here changes it: DMA and
 * {@link SimulatedIommu#cache} fill it, only a flush removes.
 *
 * <p>Answers are exact while no DMA and no flush runs; otherwise each address space is looked at in turn. Entries of
 * address spaces that were destroyed are gone with them.
 */
public final class Iotlb {
    private final Collection<SimulatedSpace> spaces;
    final LongAdder hits = new LongAdder();
    final LongAdder misses = new LongAdder();

    /** @param spaces the live address spaces, a view */
    Iotlb(Collection<SimulatedSpace> spaces) {
        this.spaces = spaces;
    }

    /** What is cached for {@code bfn} of an address space, stale or not; null when nothing is. */
    public @Nullable IotlbEntry entry(long spaceId, long bfn) {
        for (SimulatedSpace space : spaces) {
            if (space.id() == spaceId) {
                return space.iotlb().find(bfn);
            }
        }
        return null;
    }

    /** All entries of all address spaces, in no order. */
    public List<IotlbEntry> entries() {
        return spaces.stream()
                .flatMap(space -> space.iotlb().entries().stream())
                .toList();
    }

    /** How many entries there are. */
    public long size() {
        return spaces.stream().mapToLong(space -> space.iotlb().size()).sum();
    }

    /**
     * Whether any address space's entry reaches the frame at {@code offsetBytes} of {@code memory}. Asked at the moment
     * a frame is released the answer has to be no (catalogue I1). Time proportional to {@link #size}.
     */
    public boolean containsFrame(GuestMemory memory, long offsetBytes) {
        return contains(entry -> entry.isOf(memory) && entry.offsetBytes() == offsetBytes);
    }

    /** Whether any entry reaches {@code memory} at all; asked when a whole region is given back. */
    public boolean containsMemory(GuestMemory memory) {
        return contains(entry -> entry.isOf(memory));
    }

    /** Accesses answered from the IOTLB since the IOMMU was made. */
    public long hits() {
        return hits.sum();
    }

    /** Accesses that walked the table, those during a flush included. */
    public long misses() {
        return misses.sum();
    }

    private boolean contains(Predicate<IotlbEntry> wanted) {
        return spaces.stream()
                .anyMatch(space -> space.iotlb().entries().stream().anyMatch(wanted));
    }
}
