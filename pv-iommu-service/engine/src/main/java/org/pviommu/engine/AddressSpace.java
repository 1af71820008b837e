package org.pviommu.engine;

import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.pviommu.abi.IommuOp;

/**
 * One translation of bus frames to guest frames, with its own flush state: the engine's table, its counterpart in the host
 * IOMMU, the gather of what was removed since the last flush, and the frames that are owed.
 *
 * <p>One writer at a time, who holds the guest's lock for a whole batch. Translations are read without it. Ranges are
 * inclusive.
 */
public final class AddressSpace implements TranslationSource {
    /** A flush that fails is tried this often before the batch is told. */
    static final int FLUSH_ATTEMPTS = 3;

    private static final int EBUSY = 16;

    private final Guest guest;
    private final int context;
    private final WatchedHost host;
    private final long lastBfn;
    private final long maxRunPages;
    private final SliceRecord flushRecord = new SliceRecord();
    /** What the attached endpoints reserve; replaced as a whole when one comes or goes. An
     * array, because a list would allocate an iterator for each run. */
    private volatile FrameRange[] reserved = {};

    private final ReaderGate readers;
    private final Counter removals = new Counter();
    private final RadixTable table;
    private final IotlbGather gather = new IotlbGather();
    private final OwedFrames owed;
    private final long digestSalt;
    private final Counter mappedPages = new Counter();
    private final Counter owedPages = new Counter();

    /** What the newest {@link #undoRemaps} could not take back: at most as many bus frames as may be held. */
    private final Set<Long> notUndone = new HashSet<>();

    /** Set when owed frames did not fit into {@link #owed}: then the table is searched for them after the flush. */
    private boolean owedOutsideList;

    AddressSpace(Guest guest, int context, HostAddressSpace host, TableMemory tables, HostCapabilities capabilities) {
        this.guest = guest;
        this.readers = guest.readers();
        this.context = context;
        this.host = new WatchedHost(host, guest.events());
        this.digestSalt = MappingDigest.salt(guest.id(), context);
        this.lastBfn = capabilities.lastBfn();
        this.maxRunPages =
                capabilities.cutsMappings() ? Long.MAX_VALUE : guest.policy().maxHeldFrames();
        this.owed = new OwedFrames(guest.policy().maxHeldFrames());
        this.table = newTable(tables);
    }

    private RadixTable newTable(TableMemory tables) {
        try {
            return new RadixTable(tables, guest.tableQuota(), readers);
        } catch (EngineException e) {
            owed.close();
            throw e;
        }
    }

    /** Number of the guest it belongs to. */
    public int guestId() {
        return guest.id();
    }

    /** Its number within the guest; 0 is the guest's own address space. */
    public int context() {
        return context;
    }

    /** Bus frames that are translated. */
    public long mappedPages() {
        return mappedPages.get();
    }

    /** Bus frames that were removed and whose flush is still owed. */
    public long owedPages() {
        return owedPages.get();
    }

    /** Whether nobody may map {@code bfn}, because an attached endpoint reserves it. */
    public boolean isReserved(long bfn) {
        for (FrameRange range : reserved) {
            if (range.contains(bfn)) {
                return true;
            }
        }
        return false;
    }

    /** Bus frames that nobody may map, inclusive ranges. */
    public List<FrameRange> reserved() {
        return List.of(reserved);
    }

    void setReserved(List<FrameRange> bfns) {
        reserved = bfns.toArray(FrameRange[]::new);
    }

    /** What {@code bfn} is translated to right now, without a lock; null when it is not. */
    public @Nullable Translation translate(long bfn) {
        if (!isInAperture(bfn)) {
            return null;
        }
        int section = readers.enter();
        try {
            long entry = table.entry(bfn);
            return PageEntry.isMapped(entry)
                    ? new Translation(bfn, PageEntry.mfn(entry), PageEntry.access(entry))
                    : null;
        } finally {
            readers.exit(section);
        }
    }

    /**
     * The mappings from {@code fromBfn} on as runs, at most {@code limit} of them. Read without a lock while the guest goes
     * on: each page is right at the moment it is looked at, the list as a whole is not a snapshot.
     */
    public List<Mapping> mappings(long fromBfn, int limit) {
        MappingWalk walk = new MappingWalk(limit);
        long bfn = fromBfn;
        while (isInAperture(bfn) && !walk.isFull()) {
            bfn = walkOneLeaf(bfn, walk);
        }
        return walk.result();
    }

    /** Looks at the next leaf at or after {@code bfn} in a section of its own, so that a flush never waits for long. */
    private long walkOneLeaf(long bfn, MappingWalk walk) {
        int section = readers.enter();
        try {
            long next = table.nextBfnWithLeaf(bfn);
            if (next < 0) {
                return -1;
            }
            long lastOfLeaf = next | (RadixTable.ENTRIES - 1);
            for (; next <= lastOfLeaf && !walk.isFull(); next++) {
                walk.page(next, table.entry(next));
            }
            return next;
        } finally {
            readers.exit(section);
        }
    }

    @Override
    public long removals() {
        return removals.get();
    }

    /** Pages are looked at one by one; no section may use more than {@link EndpointTranslation#MAX_SECTION_BYTES} anyway. */
    @Override
    public boolean lookUp(long iova, int access, EndpointTranslation.Piece into) {
        long bfn = iova >>> 12;
        long entry = isInAperture(bfn) ? table.entry(bfn) : PageEntry.EMPTY;
        if (!PageEntry.isMapped(entry) || (access & ~PageEntry.access(entry)) != 0) {
            return false;
        }
        long pages = 1;
        long next = entry + PageEntry.NEXT_FRAME;
        while (pages < EndpointTranslation.MAX_SECTION_BYTES >>> 12
                && isInAperture(bfn + pages)
                && table.entry(bfn + pages) == next) {
            pages++;
            next += PageEntry.NEXT_FRAME;
        }
        long offset = iova & 4095;
        into.set((PageEntry.mfn(entry) << 12) + offset, (pages << 12) - offset);
        return true;
    }

    Guest guest() {
        return guest;
    }

    WatchedHost host() {
        return host;
    }

    RadixTable table() {
        return table;
    }

    IotlbGather gather() {
        return gather;
    }

    ReaderGate readers() {
        return readers;
    }

    /** Unsigned, so that a negative number, which the guest sees as a huge one, is outside too. */
    boolean isInAperture(long bfn) {
        return Long.compareUnsigned(bfn, lastBfn) <= 0;
    }

    /** The last bus frame that may be mapped in one run with {@code bfn}, which is itself allowed. */
    long lastBfnOfRun(long bfn) {
        long last = lastBfn;
        for (FrameRange range : reserved) {
            if (range.first() > bfn) {
                last = Math.min(last, range.first() - 1);
            }
        }
        return last;
    }

    long lastBfn() {
        return lastBfn;
    }

    /**
     * How many pages may become one mapping of the host. Where a mapping cannot be cut it has to be removed whole, and no
     * more than the bound on held frames can be removed at a time: a larger one could never be removed.
     */
    long maxRunPages() {
        return maxRunPages;
    }

    void addMapped(long pages) {
        mappedPages.add(pages);
    }

    /** The host has mapped a run. */
    void digestMapped(long bfn, long mfn, int access, long pages) {
        guest.addToDigest(MappingDigest.run(digestSalt, bfn, mfn, access, pages));
    }

    /**
     * Enters what the host removed: from now on the frames are held although nothing translates to them, and the bus frames
     * wait for the flush. Their entries are marked owed already.
     */
    void owe(long bfn, long mfn, int access, long pages) {
        if (!owed.add(bfn, mfn, pages)) {
            owedOutsideList = true;
        }
        countOwed(bfn, mfn, access, pages);
    }

    private void countOwed(long bfn, long mfn, int access, long pages) {
        guest.addToDigest(-MappingDigest.run(digestSalt, bfn, mfn, access, pages));
        gather.add(bfn, pages);
        removals.add(1);
        mappedPages.add(-pages);
        owedPages.add(pages);
        guest.addMappedFrames(-pages);
        guest.addHeldFrames(pages);
    }

    /**
     * Enters pages that the host removed beyond what was asked (a larger mapping it could not cut). Their translations are
     * gone, so they are owed like the others (catalogue D10).
     */
    void oweUnasked(long firstBfn, long pages) {
        long last = Math.min(lastBfn, firstBfn + pages - 1);
        for (long bfn = firstBfn; bfn <= last; bfn++) {
            long leaf = table.leaf(bfn);
            if (leaf == 0) {
                bfn |= RadixTable.ENTRIES - 1; // nothing in these 2 MiB
                continue;
            }
            long slot = RadixTable.slot(leaf, bfn);
            long entry = RawMemory.getLong(slot);
            if (PageEntry.isMapped(entry)) {
                RawMemory.putLong(slot, PageEntry.removed(entry, PageEntry.OWED));
                owedOutsideList |= !owed.addUnasked(bfn, PageEntry.mfn(entry));
                countOwed(bfn, PageEntry.mfn(entry), PageEntry.access(entry), 1);
            }
        }
    }

    /**
     * Step 4: one flush over everything gathered. True when no device and no reader can use a removed translation any
     * more; only then may {@link #releaseOwed} follow. A flush that fails leaves the gather as it is for the next one.
     */
    boolean flush() {
        for (int attempt = 0; attempt < FLUSH_ATTEMPTS; attempt++) {
            if (host.flush(gather) == 0) {
                readers.awaitReaders();
                gather.clear();
                guest.counters().flushes.add(1);
                return true;
            }
        }
        guest.counters().flushFailures.add(1);
        return false;
    }

    /**
     * A flush that does not belong to a call's own end: asked for by the guest, by the bound on held frames, or before an
     * endpoint or a region goes. Recorded before the frames are let go; nothing happens when nothing is owed. One that is not
     * part of something that was announced to the log announces itself, and fails when there is no room.
     */
    boolean flushAndRelease() {
        if (gather.isEmpty()) {
            return true;
        }
        if (!guest.isInCall() && !guest.log().reserve(1, true)) {
            return false;
        }
        boolean flushed = flush();
        flushRecord.set(this, IommuOp.FLUSH, 0, 0, 0, 0, flushed ? SliceRecord.Flush.DONE : SliceRecord.Flush.FAILED);
        flushRecord.part(guest.isInCall() ? SliceRecord.Part.NESTED : SliceRecord.Part.CALL_END);
        guest.commit(flushRecord);
        if (flushed) {
            releaseOwed();
        }
        return flushed;
    }

    /** Step 6: drops the holds of all owed frames. Only after {@link #flush} said true. */
    void releaseOwed() {
        for (int run = 0; run < owed.runs(); run++) {
            release(owed.bfn(run), owed.mfn(run), owed.pages(run));
        }
        owed.clear();
        if (owedOutsideList) {
            releaseOwedInTable();
            owedOutsideList = false;
        }
    }

    private void release(long bfn, long mfn, long pages) {
        guest.releaseFrames(mfn, pages);
        guest.addHeldFrames(-pages);
        owedPages.add(-pages);
        long last = bfn + pages - 1;
        for (long next = bfn; next <= last; ) {
            next = releaseInOneLeaf(next, last, mfn + (next - bfn));
        }
    }

    /**
     * Empties the owed entries {@code [bfn, last]} as far as they lie in the leaf of {@code bfn}; the bus frame after them. An
     * entry that the call has mapped again, or removed again from another frame, is not touched. The leaf may be gone already
     * when a bus frame is in the list twice.
     */
    private long releaseInOneLeaf(long bfn, long last, long mfn) {
        long leaf = table.leaf(bfn);
        long lastInLeaf = Math.min(last, bfn | (RadixTable.ENTRIES - 1));
        if (leaf == 0) {
            return lastInLeaf + 1;
        }
        for (long next = bfn; next <= lastInLeaf; next++) {
            long slot = RadixTable.slot(leaf, next);
            long entry = RawMemory.getLong(slot);
            if (PageEntry.isOwed(entry) && PageEntry.mfn(entry) == mfn + (next - bfn)) {
                RawMemory.putLong(slot, PageEntry.EMPTY);
            }
        }
        table.prune(lastInLeaf);
        return lastInLeaf + 1;
    }

    /**
     * Takes back what a call mapped in place of something it had removed, because the flush that both needed has failed. The
     * bus frame is then owed, and both frames stay held. False when the host refused to take one back.
     */
    boolean undoRemaps() {
        notUndone.clear();
        for (int run = 0; run < owed.runs(); run++) { // grows by what is undone, which is not mapped any more
            long first = owed.bfn(run);
            long last = first + owed.pages(run) - 1;
            for (long bfn = nextMapped(first, last); bfn >= 0; bfn = bfn == last ? -1 : nextMapped(bfn + 1, last)) {
                undoRemap(bfn);
            }
        }
        return notUndone.isEmpty();
    }

    private void undoRemap(long bfn) {
        long removed = host.unmap(bfn, 1);
        if (removed < 1) {
            notUndone.add(bfn);
            return;
        }
        markOwed(bfn, 1);
        if (removed > 1) {
            oweUnasked(bfn + 1, removed - 1);
        }
    }

    /** Whether {@code bfn} is mapped in place of something whose flush failed, because the host refused to take it back. */
    boolean isNotUndone(long bfn) {
        return notUndone.contains(bfn);
    }

    /** What the call removed is not fresh any more: from now on it is owed like everything else. */
    void settleFresh() {
        for (int run = 0; run < owed.runs(); run++) {
            long first = owed.bfn(run);
            for (long bfn = first; bfn < first + owed.pages(run); bfn++) {
                long entry = table.entryForWriter(bfn);
                if (PageEntry.isFresh(entry)) {
                    RawMemory.putLong(RadixTable.slot(table.leaf(bfn), bfn), PageEntry.removed(entry, PageEntry.OWED));
                }
            }
        }
    }

    /** The first bus frame in {@code [first, last]} that is mapped or owed, or -1. */
    long nextOccupied(long first, long last) {
        long bfn = table.nextBfnWithLeaf(first);
        while (bfn >= 0 && bfn <= last) {
            if (table.entryForWriter(bfn) != PageEntry.EMPTY) {
                return bfn;
            }
            bfn = table.nextBfnWithLeaf(bfn + 1);
        }
        return -1;
    }

    /** The first bus frame in {@code [first, last]} that is mapped, or -1; in time bounded by the tables that exist. */
    long nextMapped(long first, long last) {
        long bfn = table.nextBfnWithLeaf(first);
        while (bfn >= 0 && bfn <= last) {
            if (PageEntry.isMapped(table.entryForWriter(bfn))) {
                return bfn;
            }
            bfn = table.nextBfnWithLeaf(bfn + 1);
        }
        return -1;
    }

    private void releaseOwedInTable() {
        for (long bfn = table.nextBfnWithLeaf(0); bfn >= 0; bfn = table.nextBfnWithLeaf(bfn + 1)) {
            long entry = table.entryForWriter(bfn);
            if (PageEntry.isOwed(entry)) {
                release(bfn, PageEntry.mfn(entry), 1);
            }
        }
    }

    /**
     * Takes back entries {@code [bfn, bfn + pages - 1]} that were set but that the host refused, and the holds on their
     * frames. Readers may have seen them, hence the grace period before the frames are let go.
     *
     * @param firstEntryBefore what the first entry was: empty, or removed by the same call; the others were empty
     */
    void rollBackMap(long bfn, long mfn, long pages, long firstEntryBefore) {
        for (long i = pages - 1; i >= 0; i--) {
            long leaf = table.leaf(bfn + i);
            RawMemory.putLong(RadixTable.slot(leaf, bfn + i), i == 0 ? firstEntryBefore : PageEntry.EMPTY);
            if (i == 0 || ((bfn + i) & (RadixTable.ENTRIES - 1)) == 0) {
                table.prune(bfn + i); // all of the run in this leaf is taken back
            }
        }
        removals.add(1);
        readers.awaitReaders();
        guest.releaseFrames(mfn, pages);
        guest.addMappedFrames(-pages);
        mappedPages.add(-pages);
    }

    /** Makes entries {@code [bfn, bfn + pages - 1]} mapped again, which the host refused to remove. */
    void rollBackUnmap(long bfn, long mfn, long pages, int access) {
        for (long i = 0; i < pages; i++) {
            RawMemory.putLong(RadixTable.slot(table.leaf(bfn + i), bfn + i), PageEntry.mapped(mfn + i, access));
        }
    }

    /**
     * Removes everything: the guest is gone and its endpoints are blocked. True when nothing of it can be reached any more
     * and all frames were released; otherwise everything that could not be proved gone stays held, and it can be tried
     * again.
     */
    boolean tearDown() {
        boolean removed = unmapAll();
        if (!flushAll()) {
            return false;
        }
        releaseAll();
        return removed;
    }

    /** Like {@link #flush}, over everything that ever was in here. */
    boolean flushAll() {
        if (table.isDestroyed()) {
            return true; // an earlier attempt to close it failed later on
        }
        gather.addWholeSpace();
        return flush();
    }

    /** Like {@link #releaseOwed}, with nothing left behind. Only after {@link #flushAll} said true. */
    void releaseAll() {
        releaseOwed();
        releaseOwedInTable();
        table.freeRetired();
    }

    /** Removes everything that leads to frames of {@code region}, page by page; false when the host refused some of it. */
    boolean removeMappingsTo(GuestRegion region) {
        return removeMappingsTo(region, 1);
    }

    /** The same run by run, for a host that gives up a mapping only as a whole; none of them spans regions. */
    boolean removeRunsTo(GuestRegion region) {
        return removeMappingsTo(region, Long.MAX_VALUE);
    }

    private boolean removeMappingsTo(GuestRegion region, long maxPages) {
        boolean all = true;
        long bfn = nextMapped(0, lastBfn);
        while (bfn >= 0) {
            long run = runTo(region, bfn, maxPages);
            if (run > 0) {
                all &= unmapRun(bfn, run);
            }
            long end = bfn + Math.max(run, 1) - 1;
            bfn = end == lastBfn ? -1 : nextMapped(end + 1, lastBfn);
        }
        return all;
    }

    /** How many pages from {@code bfn} on, which is mapped, lead to consecutive frames of {@code region}. */
    private long runTo(GuestRegion region, long bfn, long maxPages) {
        long mfn = PageEntry.mfn(table.entryForWriter(bfn));
        long pages = 0;
        while (pages < maxPages && bfn + pages <= lastBfn && region.contains(mfn + pages)) {
            long entry = table.entryForWriter(bfn + pages);
            if (!PageEntry.isMapped(entry) || PageEntry.mfn(entry) != mfn + pages) {
                break;
            }
            pages++;
        }
        return pages;
    }

    /** Removes all mappings. Goes on past refusals: one of them must not cut the rest short (XSA-386). */
    boolean unmapAll() {
        boolean all = true;
        for (long bfn = table.nextBfnWithLeaf(0); bfn >= 0; bfn = table.nextBfnWithLeaf(bfn + 1)) {
            if (PageEntry.isMapped(table.entryForWriter(bfn))) {
                long pages = mappedRun(bfn);
                all &= unmapRun(bfn, pages);
                bfn += pages - 1;
            }
        }
        return all;
    }

    /** -EBUSY speaks about one page, any other refusal about all that is left: so each page is asked for at most once. */
    private boolean unmapRun(long firstBfn, long pages) {
        boolean all = true;
        for (long done = 0; done < pages; ) {
            long left = pages - done;
            long removed = host.unmap(firstBfn + done, left);
            if (removed > 0) {
                long mine = Math.min(removed, left);
                markOwed(firstBfn + done, mine);
                if (removed > left) {
                    oweUnasked(firstBfn + pages, removed - left);
                }
                done += mine;
            } else {
                all = false;
                done += removed == -EBUSY ? 1 : left;
            }
        }
        return all;
    }

    private long mappedRun(long firstBfn) {
        long bfn = firstBfn;
        while (bfn <= lastBfn && PageEntry.isMapped(table.entryForWriter(bfn))) {
            bfn++;
        }
        return bfn - firstBfn;
    }

    private void markOwed(long firstBfn, long pages) {
        for (long bfn = firstBfn; bfn < firstBfn + pages; bfn++) {
            long slot = RadixTable.slot(table.leaf(bfn), bfn);
            long entry = RawMemory.getLong(slot);
            RawMemory.putLong(slot, PageEntry.removed(entry, PageEntry.OWED));
            owe(bfn, PageEntry.mfn(entry), PageEntry.access(entry), 1);
        }
    }

    /**
     * Gives the host's address space and the tables back, after {@link #tearDown} said true. What can fail comes first, and
     * a second call does nothing: a table page given back twice would be the table of two guests.
     */
    void close() {
        if (table.isDestroyed()) {
            return;
        }
        host.destroy();
        table.destroy();
        owed.close();
    }
}
