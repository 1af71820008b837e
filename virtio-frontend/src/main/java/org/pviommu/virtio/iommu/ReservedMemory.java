package org.pviommu.virtio.iommu;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * The IOVAs that an endpoint's driver must not map, as PROBE tells them.
 *
 * @param regions by ascending address, without overlap
 */
public record ReservedMemory(List<Region> regions) {
    private static final int PROPERTY_BYTES = 24;
    private static final int PROPERTY_HEADER_BYTES = 4;
    private static final int RESV_MEM = 1;

    /**
     * One of them.
     *
     * @param first first IOVA
     * @param last last IOVA
     * @param msi whether the doorbell of message-signalled interrupts is there; at most one of an endpoint's
     */
    public record Region(long first, long last, boolean msi) {
        /** Refuses what is no range, and all 64 bits: Linux takes the size of that for 0 and gives the endpoint up (C92). */
        public Region {
            if (Long.compareUnsigned(first, last) > 0 || (first == 0 && last == -1L)) {
                throw new IllegalArgumentException(
                        "reserved first=0x" + Long.toHexString(first) + " last=0x" + Long.toHexString(last));
            }
        }
    }

    /**
     * Orders the regions.
     *
     * @throws IllegalArgumentException when two overlap (C77) or more than one is for interrupts (C76)
     */
    public ReservedMemory(List<Region> regions) {
        List<Region> sorted = new ArrayList<>(regions);
        sorted.sort(Comparator.comparing(Region::first, Long::compareUnsigned));
        for (int i = 1; i < sorted.size(); i++) {
            if (Long.compareUnsigned(sorted.get(i).first(), sorted.get(i - 1).last()) <= 0) {
                throw new IllegalArgumentException(
                        "reserved regions overlap: " + sorted.get(i - 1) + " " + sorted.get(i));
            }
        }
        if (sorted.stream().filter(Region::msi).count() > 1) {
            throw new IllegalArgumentException("more than one region for interrupts: " + sorted);
        }
        this.regions = List.copyOf(sorted);
    }

    /** Room that all properties take. */
    public int propertyBytes() {
        return regions.size() * PROPERTY_BYTES;
    }

    /** Writes the properties from the beginning of {@code into}, which is all zero and has room for them. */
    void putProperties(MemorySegment into) {
        long at = 0;
        for (Region each : regions) {
            into.set(Wire.U16, at, (short) RESV_MEM);
            into.set(Wire.U16, at + 2, (short) (PROPERTY_BYTES - PROPERTY_HEADER_BYTES)); // C71
            into.set(ValueLayout.JAVA_BYTE, at + 4, (byte) (each.msi() ? 1 : 0));
            into.set(Wire.U64, at + 8, each.first());
            into.set(Wire.U64, at + 16, each.last());
            at += PROPERTY_BYTES;
        }
    }
}
