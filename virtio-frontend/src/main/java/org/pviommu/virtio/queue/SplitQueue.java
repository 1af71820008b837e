package org.pviommu.virtio.queue;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/**
 * The device's side of one split virtqueue: takes requests in order, gives answers back, and keeps notifications few.
 *
 * <p>Usage: {@link #next} until it says EMPTY, {@link #complete} for each, then one {@link #publish}. Before sleeping, {@link
 * #enableNotifications}; while looking again and again, {@link #suppressNotifications}.
 *
 * <p>A ring that shows impossible indices is broken for good: every later call does nothing (catalogue B03, B04). So is one that an
 * IOMMU does not lead to any more, but a new queue may go on from {@link #nextAvailable} as if the requests that were not shown as
 * answered had not been taken.
 */
public final class SplitQueue {
    /** The largest queue of the specification. */
    public static final int MAX_SIZE = 32768;

    private static final int NO_NOTIFY = 1;
    private static final int NO_INTERRUPT = 1;
    private static final int INDEX_MASK = 0xffff;

    /** What {@link #next} found. */
    public enum Next {
        /** Nothing waits. */
        EMPTY,
        /** A request is in the chain. */
        REQUEST,
        /** The ring cannot be trusted; see {@link #breakage}. */
        BROKEN
    }

    /** Of memory that may move; null for memory that stays, where no section is needed. */
    private final @Nullable RingMemory guard;

    private final RingAddresses addresses;
    private final int size;
    private final BufferMemory memory;
    private final QueueSettings settings;
    private SplitRing ring;
    /** What {@link #ring} was looked up at. */
    private long generation;

    private int nextAvailable;
    private int seenAvailable;
    private int nextUsed;
    private int publishedUsed;
    private int inFlight;
    private long rejectedChains;
    private @Nullable String breakage;
    private boolean ringIsGone;

    private SplitQueue(
            RingMemory rings, BufferMemory memory, RingAddresses addresses, QueueSettings settings, int nextAvailable) {
        this.guard = rings.moves() ? rings : null;
        this.addresses = addresses;
        this.size = addresses.size();
        this.memory = memory;
        this.settings = settings;
        this.generation = rings.generation(); // before the look: what changes in between is looked at again
        this.ring = locate(rings, addresses, null);
        this.nextUsed = ring.usedIndex();
        this.publishedUsed = nextUsed;
        // A front-end that lost its back-end looks at the ring for where to go on, and looks in the wrong place when an
        // IOMMU
        // stands before it. What was taken was answered, in order, so the used index says it as well.
        this.nextAvailable = rings.moves() ? nextUsed : nextAvailable;
        this.seenAvailable = this.nextAvailable;
    }

    /**
     * A queue over rings in guest memory.
     *
     * @param rings where user addresses are looked up
     * @param buffers what the addresses in descriptors lead to
     * @param base the available index to go on from, where rings stay; the used index is taken from the ring, as it is the
     *     device's own
     * @throws IllegalArgumentException when the size is no power of two up to {@code maxSize}, or an address is misaligned, not
     *     wholly in memory, or two parts overlap (catalogue B01, B02)
     */
    public static SplitQueue open(
            RingMemory rings, BufferMemory buffers, RingAddresses at, int maxSize, int base, QueueSettings settings) {
        int size = at.size();
        if (size < 1 || size > Math.min(maxSize, MAX_SIZE) || Integer.bitCount(size) != 1) {
            throw new IllegalArgumentException("queueSize=" + size + " max=" + maxSize + " powerOfTwo=true");
        }
        rings.enter();
        try {
            SplitQueue opened = new SplitQueue(rings, buffers, at, settings, base & INDEX_MASK);
            opened.settle();
            return opened;
        } finally {
            rings.exit();
        }
    }

    /** The ring as it lies now; {@code before} when it lies there still. */
    private static SplitRing locate(RingMemory rings, RingAddresses at, @Nullable SplitRing before) {
        int size = at.size();
        MemorySegment wasDescriptors = before == null ? null : before.descriptors();
        MemorySegment wasAvailable = before == null ? null : before.available();
        MemorySegment wasUsed = before == null ? null : before.used();
        long bytes = SplitRing.descriptorBytes(size);
        MemorySegment descriptors = part(rings, "descriptors", at.descriptors(), bytes, 16, wasDescriptors);
        bytes = SplitRing.availableBytes(size);
        MemorySegment available = part(rings, "available", at.available(), bytes, 2, wasAvailable);
        bytes = SplitRing.usedBytes(size);
        MemorySegment used = part(rings, "used", at.used(), bytes, 4, wasUsed);
        if (before != null
                && descriptors.equals(wasDescriptors)
                && available.equals(wasAvailable)
                && used.equals(wasUsed)) {
            return before;
        }
        requireApart(descriptors, available);
        requireApart(descriptors, used);
        requireApart(available, used);
        return new SplitRing(size, descriptors, available, used);
    }

    private static MemorySegment part(
            RingMemory rings,
            String name,
            long address,
            long lengthBytes,
            int alignment,
            @Nullable MemorySegment before) {
        MemorySegment memory = rings.at(address, lengthBytes, "used".equals(name), before);
        if (memory == null) {
            throw new IllegalArgumentException(name + "=0x" + Long.toHexString(address) + " lengthBytes=" + lengthBytes
                    + " is not in guest memory");
        }
        // Both: the address that the guest chose, and ours, where the accesses happen.
        if ((address | memory.address()) % alignment != 0) {
            throw new IllegalArgumentException(name + "=0x" + Long.toHexString(address) + " multipleOf=" + alignment);
        }
        return memory;
    }

    private static void requireApart(MemorySegment one, MemorySegment other) {
        if (one.asOverlappingSlice(other).isPresent()) {
            throw new IllegalArgumentException("parts of the ring overlap: 0x" + Long.toHexString(one.address())
                    + " lengthBytes=" + one.byteSize() + " and 0x" + Long.toHexString(other.address()) + " lengthBytes="
                    + other.byteSize());
        }
    }

    /**
     * Begins an access to the ring, which {@link #exit} ends.
     *
     * @return false when there is no ring any more; then nothing has begun
     */
    private boolean enter() {
        if (breakage != null) {
            return false;
        }
        RingMemory guarded = guard;
        if (guarded == null) {
            return true;
        }
        guarded.enter();
        boolean entered = false;
        try {
            long now = guarded.generation();
            entered = now == generation || relocate(guarded, now);
            return entered;
        } finally {
            if (!entered) {
                guarded.exit();
            }
        }
    }

    /**
     * Has an error of the accesses so far (memory cut short, catalogue C10) come now, while the section can still be closed: one
     * that stayed open would hold up every flush for ever.
     */
    private void settle() {
        if (guard != null) {
            GuestSpace.settle();
        }
    }

    private void exit() {
        RingMemory guarded = guard;
        if (guarded != null) {
            guarded.exit();
        }
    }

    private boolean relocate(RingMemory guarded, long now) {
        try {
            ring = locate(guarded, addresses, ring);
            generation = now;
            return true;
        } catch (IllegalArgumentException e) {
            // The guest will never see what was not shown. As requests are completed in order, it is the last ones.
            int unshown = inFlight + ((nextUsed - publishedUsed) & INDEX_MASK);
            nextAvailable = (nextAvailable - unshown) & INDEX_MASK;
            inFlight = 0;
            ringIsGone = true;
            breakage = "the ring is out of the device's reach: " + e.getMessage();
            return false;
        }
    }

    /** The queue's size, and how many buffers a {@link Chain} for it needs. */
    public int size() {
        return size;
    }

    /** The available index of the request that comes next; what a front-end that stops the queue wants to know. */
    public int nextAvailable() {
        return nextAvailable;
    }

    /** Chains that broke a rule and went back with used length 0. */
    public long rejectedChains() {
        return rejectedChains;
    }

    /** Why the ring is not used any more, null as long as it is. */
    public @Nullable String breakage() {
        return breakage;
    }

    /** Whether {@link #breakage} is that the ring is out of reach, and no fault of what is in it. */
    public boolean ringIsGone() {
        return ringIsGone;
    }

    /** Takes the next request. Chains that break a rule are answered here, so this looks at no more than the queue's size. */
    public Next next(Chain into) {
        for (int looked = 0; looked <= size; looked++) {
            if (!enter()) {
                return Next.BROKEN;
            }
            try {
                Next found = takeNext(into);
                settle();
                if (found != null) {
                    return found;
                }
            } finally {
                exit();
            }
        }
        return Next.EMPTY; // A guest that refills faster than we look: others have their turn.
    }

    /** Looks at one chain; null when it was rejected. */
    private @Nullable Next takeNext(Chain into) {
        if (nextAvailable == seenAvailable && !look()) {
            return breakage == null ? Next.EMPTY : Next.BROKEN;
        }
        int head = ring.head(nextAvailable);
        if (head >= size) {
            return broken("head=" + head + " size=" + size);
        }
        if (inFlight == size) {
            return broken("requests in flight=" + inFlight + " and one more is offered"); // catalogue B26
        }
        nextAvailable = (nextAvailable + 1) & INDEX_MASK;
        inFlight++;
        if (into.take(ring, memory, settings, head)) {
            return Next.REQUEST;
        }
        rejectedChains++;
        complete(head, 0);
        return null;
    }

    private boolean look() {
        int index = ring.availableIndex();
        int waiting = (index - nextAvailable) & INDEX_MASK;
        if (waiting > size) {
            broken("available index=" + index + " next=" + nextAvailable + " size=" + size);
            return false;
        }
        seenAvailable = index;
        return waiting > 0;
    }

    private Next broken(String why) {
        breakage = why;
        return Next.BROKEN;
    }

    /**
     * Gives a request back; the guest sees it after {@link #publish}.
     *
     * @param head of the chain
     * @param lengthBytes how much of the writable part was written
     */
    public void complete(int head, long lengthBytes) {
        if (breakage != null) {
            return;
        }
        if (inFlight == 0) {
            throw new IllegalStateException("head=" + head + " is completed, and none is in flight");
        }
        if (!enter()) {
            return;
        }
        try {
            inFlight--;
            ring.putUsed(nextUsed, head, (int) lengthBytes);
            nextUsed = (nextUsed + 1) & INDEX_MASK;
            settle();
        } finally {
            exit();
        }
    }

    /**
     * Shows the guest all completed requests.
     *
     * @return whether it wants to be notified
     */
    public boolean publish() {
        if (nextUsed == publishedUsed || !enter()) {
            return false;
        }
        try {
            boolean wanted = show();
            settle();
            return wanted;
        } finally {
            exit();
        }
    }

    private boolean show() {
        int old = publishedUsed;
        publishedUsed = nextUsed;
        ring.publishUsedIndex(nextUsed);
        // The guest stores what it wants and then looks at the index; we store the index and then look at what it
        // wants. With a
        // full fence on both sides one of us sees the other's store.
        VarHandle.fullFence();
        if (!settings.eventIndex()) {
            return (ring.availableFlags() & NO_INTERRUPT) == 0;
        }
        int passed = (nextUsed - ring.usedEvent() - 1) & INDEX_MASK;
        return passed < ((nextUsed - old) & INDEX_MASK);
    }

    /** Says that no notification is needed, as long as this side looks by itself. A hint: one may come all the same. */
    public void suppressNotifications() {
        if (!enter()) {
            return;
        }
        try {
            if (settings.eventIndex()) {
                ring.putAvailableEvent(nextAvailable - 1); // passed already: comes again after 65,536 requests
            } else {
                ring.putUsedFlags(NO_NOTIFY);
            }
            settle();
        } finally {
            exit();
        }
    }

    /**
     * Asks for a notification of the next request.
     *
     * @return whether one has come meanwhile, for which no notification needs to come: look again instead of sleeping
     */
    public boolean enableNotifications() {
        if (!enter()) {
            return false;
        }
        try {
            if (settings.eventIndex()) {
                ring.putAvailableEvent(nextAvailable);
            } else {
                ring.putUsedFlags(0);
            }
            VarHandle.fullFence(); // as in publish(), the other way round
            boolean pending = ring.availableIndex() != nextAvailable;
            settle();
            return pending;
        } finally {
            exit();
        }
    }

    /** Whether a request seems to wait; a plain look for whoever polls. */
    public boolean hasRequests() {
        if (!enter()) {
            return false;
        }
        try {
            boolean waits = ring.availableIndex() != nextAvailable;
            settle();
            return waits;
        } finally {
            exit();
        }
    }
}
