package org.pviommu.virtio.queue;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Guest-physical memory as its regions make it up. Immutable: a new memory table is a new space.
 *
 * <p>A range may span neighbouring regions, and every byte of it is checked: one that begins and ends in memory and has a hole
 * between is refused (catalogue B14).
 */
public final class GuestSpace implements BufferMemory, RingMemory {
    /** No memory at all, as before the first memory table. */
    public static final GuestSpace EMPTY = new GuestSpace(List.of());

    private final MemoryRegion[] sorted;

    /**
     * A space of these regions.
     *
     * @throws IllegalArgumentException when two have a guest address, or a user address, in common (catalogue C09)
     */
    public GuestSpace(List<MemoryRegion> regions) {
        List<MemoryRegion> byUser = new ArrayList<>(regions);
        byUser.sort(Comparator.comparing(MemoryRegion::userAddress, Long::compareUnsigned));
        for (int i = 1; i < byUser.size(); i++) {
            MemoryRegion below = byUser.get(i - 1);
            requireApart(
                    "userAddress",
                    below.userAddress(),
                    below.sizeBytes(),
                    byUser.get(i).userAddress());
        }
        List<MemoryRegion> byGuest = new ArrayList<>(regions);
        byGuest.sort(Comparator.comparing(MemoryRegion::guestAddress, Long::compareUnsigned));
        for (int i = 1; i < byGuest.size(); i++) {
            MemoryRegion below = byGuest.get(i - 1);
            requireApart(
                    "guestAddress",
                    below.guestAddress(),
                    below.sizeBytes(),
                    byGuest.get(i).guestAddress());
        }
        sorted = byGuest.toArray(MemoryRegion[]::new);
    }

    private static void requireApart(String name, long lower, long lowerBytes, long upper) {
        if (Long.compareUnsigned(upper - lower, lowerBytes) < 0) { // lower <= upper: no wrap
            throw new IllegalArgumentException("regions overlap: " + name + "=0x" + Long.toHexString(lower)
                    + " sizeBytes=" + lowerBytes + " and 0x" + Long.toHexString(upper));
        }
    }

    /** The regions, by ascending guest address. */
    public List<MemoryRegion> regions() {
        return List.of(sorted);
    }

    @Override
    public boolean accessible(long address, long lengthBytes, boolean write) {
        long at = address;
        long left = lengthBytes;
        while (left > 0) {
            MemoryRegion region = find(at);
            if (region == null) {
                return false;
            }
            long piece = Math.min(left, region.sizeBytes() - (at - region.guestAddress()));
            left -= piece;
            at += piece;
            if (left > 0 && at == 0) {
                return false; // The last region ends with the last address; what comes next is not address 0.
            }
        }
        return true;
    }

    @Override
    public boolean copyIn(long address, MemorySegment to, long toOffset, long lengthBytes) {
        for (long done = 0; done < lengthBytes; ) {
            MemoryRegion region = require(address + done);
            long offset = address + done - region.guestAddress();
            long piece = Math.min(lengthBytes - done, region.sizeBytes() - offset);
            MemorySegment.copy(region.memory(), offset, to, toOffset + done, piece);
            done += piece;
        }
        settle();
        return true;
    }

    @Override
    public boolean copyOut(MemorySegment from, long fromOffset, long address, long lengthBytes) {
        for (long done = 0; done < lengthBytes; ) {
            MemoryRegion region = require(address + done);
            long offset = address + done - region.guestAddress();
            long piece = Math.min(lengthBytes - done, region.sizeBytes() - offset);
            MemorySegment.copy(from, fromOffset + done, region.memory(), offset, piece);
            done += piece;
        }
        settle();
        return true;
    }

    /** Rings lie in one piece in the front-end's memory, so a range that is not all in one region is none. */
    @Override
    public @Nullable MemorySegment at(
            long userAddress, long lengthBytes, boolean write, @Nullable MemorySegment before) {
        MemoryRegion region = findUser(userAddress, lengthBytes);
        return region == null ? null : region.memory().asSlice(userAddress - region.userAddress(), lengthBytes);
    }

    /** The region that holds all of what the front-end calls {@code userAddress}, null when there is none. */
    public @Nullable MemoryRegion findUser(long userAddress, long lengthBytes) {
        for (MemoryRegion region : sorted) {
            long offset = userAddress - region.userAddress();
            if (Long.compareUnsigned(offset, region.sizeBytes()) < 0 && lengthBytes <= region.sizeBytes() - offset) {
                return region;
            }
        }
        return null;
    }

    /** The region with {@code guestAddress} in it, null when there is none. */
    public @Nullable MemoryRegion find(long guestAddress) {
        int low = 0;
        int high = sorted.length - 1;
        while (low <= high) {
            int middle = (low + high) >>> 1;
            MemoryRegion region = sorted[middle];
            if (Long.compareUnsigned(guestAddress, region.guestAddress()) < 0) {
                high = middle - 1;
            } else if (Long.compareUnsigned(guestAddress, region.lastGuestAddress()) > 0) {
                low = middle + 1;
            } else {
                return region;
            }
        }
        return null;
    }

    private MemoryRegion require(long guestAddress) {
        MemoryRegion region = find(guestAddress);
        if (region == null) {
            throw new IllegalStateException("guestAddress=0x" + Long.toHexString(guestAddress) + " was not checked");
        }
        return region;
    }

    /**
     * The JVM reports memory that cannot be had (a file cut short, catalogue C10) as an InternalError, in compiled code not at the
     * access but at the next safepoint poll. This cheap native call has one, so the error comes here, to whoever made the access. Every copy to or from a region's memory ends with it.
     */
    public static void settle() {
        Thread.holdsLock(EMPTY);
    }
}
