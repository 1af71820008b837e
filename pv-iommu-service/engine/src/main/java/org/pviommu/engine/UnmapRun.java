package org.pviommu.engine;

import org.pviommu.abi.IommuMapOp;
import org.pviommu.abi.IommuStatus;

/**
 * A run of pages being removed: contiguous bus frames that translate to contiguous frames with one access. Entries are marked
 * removed page by page, and the host IOMMU is asked for all of them together.
 *
 * <p>{@link #open}, then any of the {@code extend} methods, then {@link #give} and {@link #refuse} until nothing
 * {@link #remaining} is left. Under the guest's lock.
 */
final class UnmapRun {
    /** What the host says of a page that it cannot take out of a larger mapping. */
    static final int EBUSY = 16;

    private AddressSpace space;
    private Guest guest;
    private RadixTable table;
    private long mark;

    /** Of what is left: the host was not asked for it yet. */
    private long bfn;

    private long mfn;
    private long pages;
    private int access;

    @SuppressWarnings("NullAway.Init") // set by use()
    UnmapRun() {}

    void use(AddressSpace newSpace, boolean mayMapAgain) {
        space = newSpace;
        guest = newSpace.guest();
        table = newSpace.table();
        pages = 0;
        mark = mayMapAgain ? PageEntry.OWED | PageEntry.FRESH : PageEntry.OWED;
    }

    /** Whether {@code newBfn} can be removed: -ERANGE, or -ENOENT also for an owed bus frame (catalogue A36). */
    int check(long newBfn) {
        if (!space.isInAperture(newBfn)) {
            return IommuStatus.ERANGE;
        }
        return PageEntry.isMapped(table.entryForWriter(newBfn)) ? IommuStatus.OK : IommuStatus.ENOENT;
    }

    /** Opens a run with a page that {@link #check} found good, when another frame may be held. */
    void open(long newBfn) {
        long slot = RadixTable.slot(table.leaf(newBfn), newBfn);
        long entry = RawMemory.getLong(slot);
        RawMemory.putLong(slot, PageEntry.removed(entry, mark));
        bfn = newBfn;
        mfn = PageEntry.mfn(entry);
        pages = 1;
        access = PageEntry.access(entry);
    }

    /** Marks the pages that the operations from {@code firstOp} on name, as long as they continue the run; how many. */
    int extendByOperations(long firstOp, int max) {
        long next = bfn + 1;
        int limit = (int) maxExtension(max);
        long expected = PageEntry.mapped(mfn + 1, access);
        long ops = RawMemory.inUserSpace(firstOp);
        long leaf = RawMemory.inUserSpace(table.leaf(bfn));
        int n = 0;
        for (; n < limit; n++, next++) {
            if (RawMemory.getLong(ops + (long) n * IommuMapOp.SIZE + IommuMapOp.BFN_OFFSET) != next) {
                break;
            }
            if ((next & (RadixTable.ENTRIES - 1)) == 0) {
                leaf = RawMemory.inUserSpace(table.leaf(next));
                if (leaf == 0) {
                    break;
                }
            }
            long slot = RadixTable.slot(leaf, next);
            if (RawMemory.getLong(slot) != expected) {
                break;
            }
            RawMemory.putLong(slot, PageEntry.removed(expected, mark));
            expected += PageEntry.NEXT_FRAME;
        }
        pages += n;
        return n;
    }

    /** The same without operations: at most {@code max} pages that follow. */
    void extendByPages(long max) {
        long limit = maxExtension(max);
        for (long n = 0; n < limit; n++) {
            long expected = PageEntry.mapped(mfn + pages, access);
            if (table.entryForWriter(bfn + pages) != expected) {
                return;
            }
            RawMemory.putLong(RadixTable.slot(table.leaf(bfn + pages), bfn + pages), PageEntry.removed(expected, mark));
            pages++;
        }
    }

    /** How many pages may follow the first: those asked for, within the aperture and the bound on held frames. */
    private long maxExtension(long max) {
        long bfnsLeft = space.lastBfn() - bfn;
        long mfnsLeft = PageEntry.LAST_MFN - mfn;
        return Math.max(0, Math.min(Math.min(max, bfnsLeft), Math.min(mfnsLeft, guest.holdableFrames() - 1)));
    }

    /** Pages of the run that the host has not removed and that were not taken back. */
    long remaining() {
        return pages;
    }

    /**
     * Asks the host to remove what is left. What it removed is owed from now on.
     *
     * @return how many pages of the run are done, or the host's refusal (0 or negative), and nothing changed
     */
    long give() {
        long removed = space.host().unmap(bfn, pages);
        if (removed <= 0) {
            return removed;
        }
        long mine = Math.min(removed, pages);
        space.owe(bfn, mfn, access, mine);
        guest.counters().unmaps.add(mine);
        if (removed > pages) {
            space.oweUnasked(bfn + pages, removed - pages);
        }
        skip(mine);
        return mine;
    }

    /** Makes the next {@code n} pages mapped again. */
    void refuse(long n) {
        space.rollBackUnmap(bfn, mfn, n, access);
        skip(n);
    }

    /**
     * After an exception: what the host did with the rest of the run is not known, so its frames stay held, and its entries
     * are mapped again. Marked owed they would be on no list, and no flush would ever let them go; the guest can unmap them
     * again.
     */
    void takeBack() {
        if (pages > 0) {
            refuse(pages);
        }
    }

    private void skip(long n) {
        bfn += n;
        mfn += n;
        pages -= n;
    }
}
