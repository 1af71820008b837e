package org.pviommu.engine;

import org.pviommu.abi.IommuMapOp;
import org.pviommu.abi.IommuStatus;

/**
 * A run of pages being mapped: contiguous bus frames, contiguous frames of one region, one access. It is checked and entered
 * page by page, and given to the host IOMMU as one.
 *
 * <p>{@link #open}, then any of the {@code extend} methods, then {@link #close}. Under the guest's lock.
 */
final class MapRun {
    private static final int ENOMEM = 12;
    private static final int ENOSPC = 28;

    private AddressSpace space;
    private Guest guest;
    private RadixTable table;
    /** Whether bus frames that this very call removed may be mapped. */
    private boolean mapsFresh;

    private long firstBfn;
    private long firstMfn;
    private long pages;
    private int access;
    private GuestRegion region;
    /** What the first page's entry was before: empty, or removed by this call. */
    private long firstEntryBefore;

    @SuppressWarnings("NullAway.Init") // set by use() and open()
    MapRun() {}

    void use(AddressSpace newSpace, boolean newMapsFresh) {
        space = newSpace;
        guest = newSpace.guest();
        table = newSpace.table();
        mapsFresh = newMapsFresh;
    }

    /** Checks one page with no run open, and opens one with it when it is good. Returns its status. */
    int open(long bfn, long mfn, int flags) {
        int status = checkRequest(bfn, flags);
        if (status != IommuStatus.OK) {
            return status;
        }
        GuestRegion found = guest.memory().find(mfn);
        if (found == null) {
            return IommuStatus.ENXIO;
        }
        status = checkState(bfn, mfn, flags, found);
        if (status != IommuStatus.OK) {
            return status;
        }
        long leaf = table.leafForMap(bfn);
        if (leaf == 0) {
            return guest.tableQuota().refusal();
        }
        found.tryHold(mfn); // checkState saw that there is room
        long slot = RadixTable.slot(leaf, bfn);
        firstEntryBefore = RawMemory.getLong(slot);
        RawMemory.putLong(slot, PageEntry.mapped(mfn, flags));
        firstBfn = bfn;
        firstMfn = mfn;
        pages = 1;
        access = flags;
        region = found;
        return IommuStatus.OK;
    }

    /** Reserved flag bits, write without read, no access: -EINVAL. Then the aperture, then reserved regions. */
    private int checkRequest(long bfn, int flags) {
        if (flags != IommuMapOp.READABLE && flags != (IommuMapOp.READABLE | IommuMapOp.WRITEABLE)) {
            return IommuStatus.EINVAL;
        }
        if (!space.isInAperture(bfn)) {
            return IommuStatus.ERANGE;
        }
        return space.isReserved(bfn) ? IommuStatus.EADDRNOTAVAIL : IommuStatus.OK;
    }

    /** The frame, then occupancy, then quota. */
    private int checkState(long bfn, long mfn, int flags, GuestRegion found) {
        if (found.isReserved(mfn) || !found.allows(flags)) {
            return IommuStatus.EPERM;
        }
        long entry = table.entryForWriter(bfn);
        if (entry != PageEntry.EMPTY && !(mapsFresh && PageEntry.isFresh(entry))) {
            return IommuStatus.EADDRINUSE;
        }
        if (guest.mappableFrames() <= 0 || found.holds(mfn) >= GuestRegion.MAX_HOLDS) {
            return IommuStatus.ENOSPC;
        }
        return IommuStatus.OK;
    }

    /**
     * Enters the operations from {@code firstOp} on that continue the run, at most {@code max}, as far as all checks hold, and
     * returns how many. The first that does not is looked at again by {@link #open} after the run was closed.
     */
    int extendByOperations(long firstOp, int max) {
        long bfn = firstBfn + 1;
        long mfn = firstMfn + 1;
        int limit = (int) maxExtension(max);
        // Base plus n times a constant: the form in which the compiler can prove the addresses' range (RawMemory).
        long ops = RawMemory.inUserSpace(firstOp);
        long holdSlots = RawMemory.inUserSpace(region.holdSlot(mfn));
        long entry = PageEntry.mapped(mfn, access);
        long leaf = RawMemory.inUserSpace(table.leaf(firstBfn));
        int n = 0;
        for (; n < limit; n++, bfn++, mfn++) {
            long op = ops + (long) n * IommuMapOp.SIZE;
            long hold = holdSlots + (long) n * Short.BYTES;
            if (RawMemory.getLong(op + IommuMapOp.BFN_OFFSET) != bfn
                    || RawMemory.getLong(op + IommuMapOp.MFN_OFFSET) != mfn
                    || RawMemory.getInt(op + IommuMapOp.FLAGS_OFFSET) != access) {
                break;
            }
            int holds = Short.toUnsignedInt(RawMemory.getShort(hold));
            if (holds >= GuestRegion.MAX_HOLDS) { // reserved frames have more
                break;
            }
            if ((bfn & (RadixTable.ENTRIES - 1)) == 0) {
                leaf = RawMemory.inUserSpace(table.leafForMap(bfn));
                if (leaf == 0) {
                    break;
                }
            }
            long slot = RadixTable.slot(leaf, bfn);
            if (RawMemory.getLong(slot) != PageEntry.EMPTY) {
                break;
            }
            RawMemory.putShort(hold, (short) (holds + 1));
            RawMemory.putLong(slot, entry);
            entry += PageEntry.NEXT_FRAME;
        }
        region.addHolds(n);
        pages += n;
        return n;
    }

    /** The same without operations: at most {@code max} pages that follow. */
    long extendByPages(long max) {
        long limit = maxExtension(max);
        long n = 0;
        while (n < limit && enter(firstBfn + pages, firstMfn + pages)) {
            pages++;
            n++;
        }
        return n;
    }

    private boolean enter(long bfn, long mfn) {
        if (region.holds(mfn) >= GuestRegion.MAX_HOLDS || table.entryForWriter(bfn) != PageEntry.EMPTY) {
            return false;
        }
        long leaf = table.leafForMap(bfn);
        if (leaf == 0) {
            return false;
        }
        region.tryHold(mfn);
        RawMemory.putLong(RadixTable.slot(leaf, bfn), PageEntry.mapped(mfn, access));
        return true;
    }

    /** How many pages may follow the first: those asked for, within the aperture, the region and the quota. */
    private long maxExtension(long max) {
        long bfnsLeft = space.lastBfnOfRun(firstBfn) - firstBfn;
        long mfnsLeft = region.lastMfn() - firstMfn;
        long quotaLeft = guest.mappableFrames() - 1;
        long wanted = Math.min(max, space.maxRunPages() - 1);
        return Math.max(0, Math.min(Math.min(wanted, bfnsLeft), Math.min(mfnsLeft, quotaLeft)));
    }

    /** Gives the run to the host. What the host refuses is taken back, and all pages of the run have that status. */
    int close() {
        guest.addMappedFrames(pages);
        space.addMapped(pages);
        int result = space.host().map(firstBfn, pages, region.memory(), region.offsetBytes(firstMfn), access);
        if (result == 0) {
            guest.counters().maps.add(pages);
            space.digestMapped(firstBfn, firstMfn, access, pages);
            return IommuStatus.OK;
        }
        space.rollBackMap(firstBfn, firstMfn, pages, firstEntryBefore);
        return status(result);
    }

    /** ENOMEM and ENOSPC keep their meaning; whatever else the host says, the guest learns that the host refused. */
    static int status(int hostResult) {
        return switch (-hostResult) {
            case ENOMEM -> IommuStatus.ENOMEM;
            case ENOSPC -> IommuStatus.ENOSPC;
            default -> IommuStatus.EIO;
        };
    }
}
