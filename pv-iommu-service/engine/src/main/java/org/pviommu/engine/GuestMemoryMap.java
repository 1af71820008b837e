package org.pviommu.engine;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The guest's registered regions by frame number, and the only access to their content.
 *
 * <p>A guest address is {@code mfn << 12} plus an offset. Regions do not overlap; an array may span neighbouring ones.
 * The list is replaced as a whole, so a reader sees one state of it. Regions are added and removed under the
 * guest's lock, so a window validated under it stays mapped while it is held.
 */
final class GuestMemoryMap {
    private static final int PAGE_SHIFT = 12;

    /** Sorted by first mfn. */
    private volatile GuestRegion[] regions = {};

    private final List<FrameRange> hypervisors;
    private volatile MemoryExtents extents = MemoryExtents.NONE;

    /** @param hypervisors frames that are not the guest's, wherever its regions lie */
    GuestMemoryMap(List<FrameRange> hypervisors) {
        this.hypervisors = hypervisors;
    }

    /** What domains may lead to. */
    MemoryExtents extents() {
        return extents;
    }

    private void replace(List<GuestRegion> all) {
        GuestRegion[] sorted = all.toArray(GuestRegion[]::new);
        regions = sorted;
        extents = MemoryExtents.of(sorted, hypervisors);
    }

    List<GuestRegion> regions() {
        return List.of(regions);
    }

    long registeredFrames() {
        long frames = 0;
        for (GuestRegion region : regions) {
            frames += region.pages();
        }
        return frames;
    }

    /** The region of {@code mfn}, or null when no memory is behind it. Binary search; callers keep the last answer. */
    @Nullable
    GuestRegion find(long mfn) {
        GuestRegion[] sorted = regions;
        int low = 0;
        int high = sorted.length - 1;
        while (low <= high) {
            int middle = (low + high) >>> 1;
            GuestRegion region = sorted[middle];
            if (mfn < region.firstMfn()) {
                high = middle - 1;
            } else if (mfn > region.lastMfn()) {
                low = middle + 1;
            } else {
                return region;
            }
        }
        return null;
    }

    /** The regions that have frames of {@code [firstMfn, lastMfn]} already, in order. */
    List<GuestRegion> overlapping(long firstMfn, long lastMfn) {
        return Stream.of(regions)
                .filter(region -> region.firstMfn() <= lastMfn && firstMfn <= region.lastMfn())
                .toList();
    }

    void add(GuestRegion region) {
        List<GuestRegion> all = new ArrayList<>(List.of(regions));
        all.add(region);
        all.sort((a, b) -> Long.compare(a.firstMfn(), b.firstMfn()));
        replace(all);
    }

    void remove(GuestRegion region) {
        List<GuestRegion> all = new ArrayList<>(List.of(regions));
        all.remove(region);
        replace(all);
    }

    /**
     * How many of the {@code lengthBytes} bytes from {@code guestAddress} on lie in registered memory without a gap.
     * The caller made sure that {@code guestAddress + lengthBytes} does not wrap.
     */
    long accessibleBytes(long guestAddress, long lengthBytes) {
        long done = 0;
        while (done < lengthBytes) {
            long mfn = (guestAddress + done) >>> PAGE_SHIFT;
            GuestRegion region = find(mfn);
            if (region == null || region.isGranted()) {
                return done; // another guest's memory may go at any time; arrays lie in one's own
            }
            long endAddress = (region.lastMfn() + 1) << PAGE_SHIFT;
            done = endAddress - guestAddress;
        }
        return lengthBytes;
    }

    /** Copies guest memory to {@code toAddress}; the range was found accessible under the same lock. */
    void copyIn(long guestAddress, long toAddress, long lengthBytes) {
        long done = 0;
        while (done < lengthBytes) {
            long piece = pieceBytes(guestAddress + done, lengthBytes - done);
            RawMemory.copy(hostAddress(guestAddress + done), toAddress + done, piece);
            done += piece;
        }
        settle();
    }

    /**
     * Ends a group of accesses. The JVM reports a page that cannot be had as an InternalError; in compiled code it comes not
     * at the access but at the next safepoint poll, which could lie behind the handler or in the middle of somebody's
     * finally. This cheap native call has such a poll, so the error comes here.
     */
    void settle() {
        Thread.holdsLock(this);
    }

    /** Copies to guest memory; the range was found accessible under the same lock. */
    void copyOut(long fromAddress, long guestAddress, long lengthBytes) {
        long done = 0;
        while (done < lengthBytes) {
            long piece = pieceBytes(guestAddress + done, lengthBytes - done);
            RawMemory.copy(fromAddress + done, hostAddress(guestAddress + done), piece);
            done += piece;
        }
        settle();
    }

    /**
     * Step 7: writes {@code n} statuses, kept as positive errno bytes, into every {@code strideBytes}-th 32-bit word from
     * {@code firstWordAddress} on. Words are 4-byte aligned, so none straddles two regions.
     */
    void publishStatuses(long statusesAddress, int n, long firstWordAddress, int strideBytes) {
        int done = 0;
        while (done < n) {
            long word = firstWordAddress + (long) done * strideBytes;
            long inRegion = (pieceBytes(word, Long.MAX_VALUE) - Integer.BYTES) / strideBytes + 1;
            int end = (int) Math.min(n, done + inRegion);
            long host = hostAddress(word);
            for (; done < end; done++, host += strideBytes) {
                RawMemory.putInt(host, -RawMemory.getByte(statusesAddress + done));
            }
        }
        settle();
    }

    /** Writes a word of an element that was found accessible under the same lock; {@link #settle} ends a group of them. */
    void putLong(long guestAddress, long value) {
        RawMemory.putLong(hostAddress(guestAddress), value);
    }

    /** Like {@link #putLong}. */
    void putInt(long guestAddress, int value) {
        RawMemory.putInt(hostAddress(guestAddress), value);
    }

    /** How many of {@code lengthBytes} bytes from {@code guestAddress} on lie in one region. */
    long pieceBytes(long guestAddress, long lengthBytes) {
        GuestRegion region = require(guestAddress);
        return Math.min(lengthBytes, ((region.lastMfn() + 1) << PAGE_SHIFT) - guestAddress);
    }

    /** Where {@code guestAddress} is mapped in this process; valid up to the end of its region. */
    long hostAddress(long guestAddress) {
        GuestRegion region = require(guestAddress);
        return region.memoryAddress() + (guestAddress - (region.firstMfn() << PAGE_SHIFT));
    }

    private GuestRegion require(long guestAddress) {
        GuestRegion region = find(guestAddress >>> PAGE_SHIFT);
        if (region == null) {
            throw new IllegalStateException("guestAddress=" + Long.toHexString(guestAddress) + " was not validated");
        }
        return region;
    }
}
