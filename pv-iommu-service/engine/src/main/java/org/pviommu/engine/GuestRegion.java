package org.pviommu.engine;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jspecify.annotations.Nullable;
import org.pviommu.natives.AnonymousMemory;

/**
 * Guest frames {@code [firstMfn, lastMfn]} (inclusive), the memory behind them and a hold count for each.
 *
 * <p>A frame is held once for each table entry that translates to it, from the map until the flush that covers its removal
 * has completed; only a frame without holds may leave the guest. Counts are 16 bits: 0xffff marks a frame that belongs to
 * the hypervisor, so 65,534 is the most. Two bytes a frame, off-heap, touched as frames are used.
 *
 * <p>A region is registered by its guest, or granted by another one; a granted region has its own hold counts and keeps the
 * owner's region from going until it is revoked and nothing of it is held any more.
 *
 * <p>Changed under the lock of the guest that has it in its frame numbers.
 */
public final class GuestRegion {
    /** More holds on one frame than this are refused with -ENOSPC. */
    static final int MAX_HOLDS = 0xfffe;

    private static final short RESERVED = (short) 0xffff;

    private final long firstMfn;
    private final long lastMfn;
    private final GuestMemory memory;
    private final AnonymousMemory holds;
    private final long holdsAddress;
    private final long memoryAddress;
    private final int allowedAccess;
    private final @Nullable GuestRegion source;
    private final long sourceOffsetBytes;
    /** Regions of other guests that lead here. */
    private final List<GuestRegion> grants = new CopyOnWriteArrayList<>();

    private volatile boolean revoked;
    /** Regions of the guest are numbered in the order in which they come; a loss takes a number, too. */
    private long serial;

    private volatile long lostAt = Long.MAX_VALUE;
    /** Once the region is revoked it only falls, so whoever sees 0 then, with or without the lock, can rely on it. */
    private final Counter totalHolds = new Counter();

    /** A region that its guest registered. */
    GuestRegion(long firstMfn, long pages, GuestMemory memory) {
        this(firstMfn, pages, memory, 0, Access.READ_WRITE, null);
    }

    /** {@code pages} frames of another guest's region, from its frame {@code sourceFirstMfn} on. */
    static GuestRegion granted(long firstMfn, long pages, GuestRegion source, long sourceFirstMfn, int access) {
        GuestRegion region =
                new GuestRegion(firstMfn, pages, source.memory, source.offsetBytes(sourceFirstMfn), access, source);
        source.grants.add(region);
        return region;
    }

    private GuestRegion(
            long firstMfn,
            long pages,
            GuestMemory memory,
            long sourceOffsetBytes,
            int allowedAccess,
            @Nullable GuestRegion source) {
        this.source = source;
        this.sourceOffsetBytes = sourceOffsetBytes;
        this.allowedAccess = allowedAccess;
        this.firstMfn = firstMfn;
        this.lastMfn = firstMfn + pages - 1;
        this.memory = memory;
        this.memoryAddress = memory.segment().address();
        this.holds = AnonymousMemory.reserve(roundUpToPage(pages * Short.BYTES), false);
        this.holdsAddress = holds.segment().address();
    }

    private static long roundUpToPage(long bytes) {
        return (bytes + TableMemory.PAGE_BYTES - 1) & -TableMemory.PAGE_BYTES;
    }

    /** First guest frame of the region. */
    public long firstMfn() {
        return firstMfn;
    }

    /** Last guest frame of the region, inclusive. */
    public long lastMfn() {
        return lastMfn;
    }

    /** How many frames. */
    public long pages() {
        return lastMfn - firstMfn + 1;
    }

    /** Whether the frames belong to another guest. */
    public boolean isGranted() {
        return source != null;
    }

    boolean isGrantedFrom(List<GuestRegion> regions) {
        return source != null && regions.contains(source);
    }

    /** The owner's region that a granted one leads to; null for a region that its guest registered. */
    @Nullable
    GuestRegion source() {
        return source;
    }

    /** What a granted region is to others, {@code grantee} being the guest that has it. */
    Grant grant(int ownerId, GuestRegion from, int grantee) {
        long ownerFirstMfn = from.firstMfn + ((sourceOffsetBytes - from.sourceOffsetBytes) >>> 12);
        return new Grant(ownerId, ownerFirstMfn, pages(), grantee, firstMfn, allowedAccess, revoked, totalHolds.get());
    }

    /** Whether the owner has taken the grant back: what is mapped stays until it is unmapped, nothing new is mapped. */
    public boolean isRevoked() {
        return revoked;
    }

    void revoke() {
        revoked = true;
    }

    /** Whether another guest may still map frames of this region, or has not let go of all of them. */
    boolean hasLiveGrants() {
        return grants.stream().anyMatch(grant -> !grant.revoked || grant.totalHolds() > 0);
    }

    List<GuestRegion> grants() {
        return grants;
    }

    /** How many holds there are on frames of this region: table entries that lead here, owed ones included. */
    long totalHolds() {
        return totalHolds.get();
    }

    long serial() {
        return serial;
    }

    void setSerial(long newSerial) {
        serial = newSerial;
    }

    /** Whether a mapping of a domain that was made at {@code mappingSerial} leads here: after the region came, before it was lost. */
    boolean servesMapping(long mappingSerial) {
        return serial <= mappingSerial && mappingSerial < lostAt;
    }

    /** The guest does not have this memory any more, although something may still lead to it. */
    void lose(long atSerial) {
        lostAt = atSerial;
        revoked = true;
    }

    boolean isLost() {
        return lostAt != Long.MAX_VALUE;
    }

    boolean contains(long mfn) {
        return firstMfn <= mfn && mfn <= lastMfn;
    }

    GuestMemory memory() {
        return memory;
    }

    /** Offset of {@code mfn} in the region's memory, in bytes; mfns are below 2^40, so it cannot overflow. */
    long offsetBytes(long mfn) {
        return sourceOffsetBytes + ((mfn - firstMfn) << 12);
    }

    /** Where the region's memory is mapped in this process. */
    long memoryAddress() {
        return memoryAddress;
    }

    /** Whether a mapping with these {@link Access} bits may lead here. */
    boolean allows(int access) {
        return !revoked && (access & ~allowedAccess) == 0;
    }

    /** Where the hold count of {@code mfn} is; the next frame's is two bytes on. */
    long holdSlot(long mfn) {
        return holdsAddress + ((mfn - firstMfn) << 1);
    }

    boolean isReserved(long mfn) {
        return RawMemory.getShort(holdSlot(mfn)) == RESERVED;
    }

    void reserve(FrameRange mfns) {
        long last = Math.min(lastMfn, mfns.last());
        for (long mfn = Math.max(firstMfn, mfns.first()); mfn <= last; mfn++) {
            RawMemory.putShort(holdSlot(mfn), RESERVED);
        }
    }

    int holds(long mfn) {
        return Short.toUnsignedInt(RawMemory.getShort(holdSlot(mfn)));
    }

    /** Takes one more hold; false when the frame is reserved or its count is at its limit, and nothing changed. */
    boolean tryHold(long mfn) {
        long slot = holdSlot(mfn);
        int count = Short.toUnsignedInt(RawMemory.getShort(slot));
        if (count >= MAX_HOLDS) {
            return false;
        }
        RawMemory.putShort(slot, (short) (count + 1));
        addHolds(1);
        return true;
    }

    /** Accounts for holds that a batch took by itself, one frame after the other. */
    void addHolds(long pages) {
        totalHolds.add(pages);
    }

    /** Drops one hold on each of {@code pages} frames from {@code firstMfn} on. */
    void release(long firstReleasedMfn, long pages) {
        long slot = holdSlot(firstReleasedMfn);
        for (long i = 0; i < pages; i++, slot += Short.BYTES) {
            short count = RawMemory.getShort(slot);
            if (count == 0 || count == RESERVED) {
                throw new IllegalStateException("released mfn=" + (firstReleasedMfn + i) + " holds=" + count);
            }
            RawMemory.putShort(slot, (short) (count - 1));
        }
        addHolds(-pages);
    }

    /** Gives everything back; nothing of the region is held or used any more. */
    void close() {
        holds.close();
        if (source == null) {
            memory.close();
        } else {
            source.grants.remove(this);
        }
    }
}
