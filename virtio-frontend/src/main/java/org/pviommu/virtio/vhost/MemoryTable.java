package org.pviommu.virtio.vhost;

import java.util.ArrayList;
import java.util.List;
import org.pviommu.natives.FileDescriptor;
import org.pviommu.virtio.queue.GuestSpace;
import org.pviommu.virtio.queue.MemoryRegion;

/**
 * The guest's memory as the front-end has handed it in. A change is prepared as a whole, and only then takes the place of what was
 * there; a refused one leaves it untouched (catalogue C08, C09).
 */
final class MemoryTable implements AutoCloseable {
    /** What GET_MAX_MEM_SLOTS answers: a virtual machine with as many memory devices is far from ordinary. */
    static final int MAX_REGIONS = 64;

    private static final int REGIONS_OFFSET = 8;
    private static final int REGION_BYTES = 32;

    private final VhostDevice device;
    private List<MappedRegion> regions = List.of();
    private GuestSpace space = GuestSpace.EMPTY;

    MemoryTable(VhostDevice device) {
        this.device = device;
    }

    GuestSpace space() {
        return space;
    }

    boolean isEmpty() {
        return regions.isEmpty();
    }

    /**
     * SET_MEM_TABLE: 0 le32 count, 8 {le64 guest address, le64 size, le64 user address, le64 file offset}[count].
     *
     * @throws RefusedException when the count, a region or a file cannot be
     */
    void replace(Message message) {
        int count = message.u32(0);
        boolean fits = count >= 1
                && count <= Request.Limits.TABLE_REGIONS
                && message.payload().byteSize() == REGIONS_OFFSET + (long) REGION_BYTES * count;
        if (!fits || message.fds().size() != count) {
            throw new RefusedException("SET_MEM_TABLE regions=" + Integer.toUnsignedString(count) + " payloadBytes="
                    + message.payload().byteSize() + " fds=" + message.fds().size() + " max="
                    + Request.Limits.TABLE_REGIONS);
        }
        List<MappedRegion> mapped = new ArrayList<>(count);
        try {
            for (int i = 0; i < count; i++) {
                mapped.add(map(message, REGIONS_OFFSET + i * REGION_BYTES));
            }
            List<MappedRegion> before = regions;
            use(mapped);
            before.forEach(MappedRegion::close);
        } catch (RuntimeException | Error failure) {
            closeUnused(mapped);
            throw failure;
        }
    }

    /**
     * ADD_MEM_REG: 0 padding, 8 a region as above.
     *
     * @throws RefusedException when there are too many, or it cannot be
     */
    void add(Message message) {
        if (regions.size() >= MAX_REGIONS) {
            throw new RefusedException("ADD_MEM_REG regions=" + regions.size() + " max=" + MAX_REGIONS);
        }
        if (message.fds().isEmpty()) {
            throw new RefusedException("ADD_MEM_REG without a file descriptor");
        }
        List<MappedRegion> added = List.of(map(message, REGIONS_OFFSET));
        try {
            List<MappedRegion> all = new ArrayList<>(regions);
            all.addAll(added);
            use(all);
        } catch (RuntimeException | Error failure) {
            closeUnused(added);
            throw failure;
        }
    }

    /**
     * REM_MEM_REG. Guest address, user address and size name the region; a descriptor that comes along means nothing.
     *
     * @throws RefusedException when there is no such region
     */
    void remove(Message message) {
        for (MappedRegion each : regions) {
            if (each.isAt(
                    message.u64(REGIONS_OFFSET), message.u64(REGIONS_OFFSET + 8), message.u64(REGIONS_OFFSET + 16))) {
                List<MappedRegion> rest = new ArrayList<>(regions);
                rest.remove(each);
                use(rest);
                each.close();
                return;
            }
        }
        throw new RefusedException("REM_MEM_REG guestAddress=0x" + Long.toHexString(message.u64(REGIONS_OFFSET))
                + " is no region of the table");
    }

    private static MappedRegion map(Message message, int offset) {
        FileDescriptor fd = message.fds().removeFirst(); // the callers have counted them
        return MappedRegion.map(
                fd, message.u64(offset), message.u64(offset + 8), message.u64(offset + 16), message.u64(offset + 24));
    }

    /** The device learns of the new memory before the old is unmapped. */
    private void use(List<MappedRegion> next) {
        GuestSpace nextSpace;
        try {
            List<MemoryRegion> parts = next.stream().map(MappedRegion::region).toList();
            nextSpace = new GuestSpace(parts);
        } catch (IllegalArgumentException e) {
            throw new RefusedException(String.valueOf(e.getMessage()), e);
        }
        regions = List.copyOf(next);
        space = nextSpace;
        device.memoryChanged(regions);
    }

    private void closeUnused(List<MappedRegion> mapped) {
        for (MappedRegion each : mapped) {
            if (!regions.contains(each)) {
                each.close();
            }
        }
    }

    /** The front-end is gone: the device has let go of everything. */
    @Override
    public void close() {
        List<MappedRegion> before = regions;
        regions = List.of();
        space = GuestSpace.EMPTY;
        before.forEach(MappedRegion::close);
    }
}
