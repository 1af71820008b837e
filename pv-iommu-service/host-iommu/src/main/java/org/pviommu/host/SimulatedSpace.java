package org.pviommu.host;

import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.pviommu.engine.Access;
import org.pviommu.engine.GuestMemory;
import org.pviommu.engine.HostAddressSpace;
import org.pviommu.engine.IotlbGather;

/**
 * One address space of a {@link SimulatedIommu}: areas, cached translations, and the epoch that keeps the two honest.
 *
 * <p><b>Why nothing stale survives a flush.</b> A reader works inside a section of the IOMMU's gate and reads {@link
 * #epoch} there. Even: it may use and fill the IOTLB. Odd: a flush is under way, and it does neither. A flush makes the
 * epoch odd, waits for all open sections, removes the covered entries and makes the epoch even again. Removals from
 * {@link #areas} come before the flush that covers them. Now take any reader:
 *
 * <ul>
 *   <li>It read the even epoch of before the flush. Then its section was open when the epoch became odd, so the flush
 *       waited for it: its copy is over, and whatever it filled was in the table before the removal and is removed.
 *   <li>It read the odd epoch. The store of that value came after the removal from the areas, so its walk finds what is
 *       left, and it fills nothing.
 *   <li>It read the even epoch of after the flush. The same holds for its walk, and the covered entries are gone.
 * </ul>
 *
 * So when the flush returns, no entry, no fill still to come and no copy under way uses a translation that was removed
 * before it. Epoch, phase of the gate and section counters are volatile, which is what "before" rests on.
 */
final class SimulatedSpace implements HostAddressSpace {
    /** Odd, and no flush ever changes it: the IOTLB of a destroyed address space is never used or filled again. */
    private static final long DESTROYED = -1;

    private final long id;
    private final SimulatedIommu iommu;
    private final AreaMap areas;
    private final IotlbTable iotlb;
    private final AtomicLong epoch = new AtomicLong();

    SimulatedSpace(long id, SimulatedIommu iommu) {
        this.id = id;
        this.iommu = iommu;
        areas = new AreaMap(iommu.settings().cutsMappings());
        iotlb = new IotlbTable(iommu.settings().iotlbEntries());
    }

    long id() {
        return id;
    }

    AreaMap areas() {
        return areas;
    }

    IotlbTable iotlb() {
        return iotlb;
    }

    @Override
    public int map(long firstBfn, long pages, GuestMemory memory, long offsetBytes, int access) {
        int refusal = refusal(firstBfn, pages);
        if (refusal != 0) {
            return refusal;
        }
        if (!isAccess(access) || !isInside(memory, offsetBytes, pages)) {
            return -HostErrno.EINVAL;
        }
        Area area = new Area(firstBfn, firstBfn + pages - 1, memory, offsetBytes, access);
        return areas.add(area) ? 0 : -HostErrno.EEXIST;
    }

    @Override
    public long unmap(long firstBfn, long pages) {
        int refusal = refusal(firstBfn, pages);
        return refusal != 0 ? refusal : areas.remove(firstBfn, firstBfn + pages - 1);
    }

    @Override
    public int flush(IotlbGather gather) {
        if (isDestroyed()) {
            return -HostErrno.ENODEV;
        }
        epoch.incrementAndGet();
        try {
            iommu.gate().awaitReaders();
            invalidate(gather);
        } finally {
            epoch.incrementAndGet();
        }
        iommu.countFlush(gather.isWholeSpace());
        return 0;
    }

    private void invalidate(IotlbGather gather) {
        if (gather.isWholeSpace()) {
            iotlb.clear();
            return;
        }
        for (int i = 0; i < gather.rangeCount(); i++) {
            iotlb.removeRange(gather.firstBfn(i), gather.lastBfn(i));
        }
    }

    @Override
    public int attach(int endpoint) {
        if (isDestroyed()) {
            return -HostErrno.ENODEV;
        }
        return iommu.endpoints().bind(endpoint, this) ? 0 : -HostErrno.EBUSY;
    }

    /**
     * {@inheritDoc}
     *
     * <p>Entries are tagged with the address space, not with the endpoint, so none has to go: an endpoint that is not
     * bound finds no address space and therefore no entry. Readers look the binding up inside their section, hence
     * after the wait no access that still saw it is under way.
     */
    @Override
    public int detach(int endpoint) {
        if (!iommu.endpoints().unbind(endpoint, this)) {
            return -HostErrno.ENOENT;
        }
        iommu.gate().awaitReaders();
        return 0;
    }

    /** {@inheritDoc} Whatever is left nevertheless is blocked and forgotten. */
    @Override
    public void destroy() {
        iommu.endpoints().unbindAll(this);
        epoch.set(DESTROYED);
        iommu.gate().awaitReaders();
        areas.clear();
        iotlb.clear();
        iommu.forget(this);
    }

    /**
     * The translation an access to {@code bfn} gets now: cached, stale or not, or walked and then cached. Null when
     * there is none. Only inside a section of the gate.
     */
    @Nullable
    IotlbEntry translate(long bfn) {
        if ((epoch.get() & 1) != 0) {
            iommu.iotlb().misses.increment();
            return walk(bfn);
        }
        IotlbEntry cached = iotlb.find(bfn);
        if (cached != null) {
            iommu.iotlb().hits.increment();
            return cached;
        }
        iommu.iotlb().misses.increment();
        IotlbEntry walked = walk(bfn);
        if (walked != null) {
            iotlb.fill(walked);
        }
        return walked;
    }

    /** Caches what the table says about {@code bfn} now, without an access. Only inside a section of the gate. */
    boolean cache(long bfn) {
        if ((epoch.get() & 1) != 0) {
            return false;
        }
        IotlbEntry walked = walk(bfn);
        return walked != null && iotlb.fill(walked);
    }

    /** What the table says about {@code bfn}, whatever is cached. */
    @Nullable
    IotlbEntry walk(long bfn) {
        Area area = areas.find(bfn);
        return area == null ? null : new IotlbEntry(id, bfn, area.memory(), area.offsetOf(bfn), area.access());
    }

    private boolean isDestroyed() {
        return epoch.get() == DESTROYED;
    }

    /** 0 when {@code [firstBfn, firstBfn + pages - 1]} is a range of the aperture, else a negative errno. */
    private int refusal(long firstBfn, long pages) {
        if (isDestroyed()) {
            return -HostErrno.ENODEV;
        }
        if (firstBfn < 0 || pages < 1) {
            return -HostErrno.EINVAL;
        }
        long lastBfn = iommu.settings().lastBfn();
        // Compared by difference: firstBfn + pages could overflow, lastBfn - firstBfn cannot once firstBfn is below it.
        return firstBfn > lastBfn || pages - 1 > lastBfn - firstBfn ? -HostErrno.ERANGE : 0;
    }

    private static boolean isAccess(int access) {
        return access != 0 && (access & ~Access.READ_WRITE) == 0;
    }

    private static boolean isInside(GuestMemory memory, long offsetBytes, long pages) {
        // pages is at most 2^36 here, so its bytes are at most 2^48.
        long lengthBytes = pages << SimulatedIommu.PAGE_SHIFT;
        long sizeBytes = memory.segment().byteSize();
        return offsetBytes >= 0
                && offsetBytes % SimulatedIommu.PAGE_BYTES == 0
                && offsetBytes <= sizeBytes
                && lengthBytes <= sizeBytes - offsetBytes;
    }
}
