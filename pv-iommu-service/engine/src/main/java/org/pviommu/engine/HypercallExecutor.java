package org.pviommu.engine;

import java.lang.foreign.MemorySegment;
import java.util.List;
import org.pviommu.abi.IommuAttachOp;
import org.pviommu.abi.IommuCaps;
import org.pviommu.abi.IommuContextOp;
import org.pviommu.abi.IommuMapOp;
import org.pviommu.abi.IommuMixedOp;
import org.pviommu.abi.IommuOp;
import org.pviommu.abi.IommuRangeOp;
import org.pviommu.abi.IommuReservedRange;
import org.pviommu.abi.IommuStatus;
import org.pviommu.natives.AnonymousMemory;

/**
 * The hypercall as a guest makes it: {@code HYPERVISOR_iommu_op(cmd, arg, count)} with {@code arg} a guest address.
 *
 * <p>Decodes and checks the call, copies the array out of guest memory slice by slice, lets a {@link BatchExecutor} apply it,
 * and publishes the results when the flush is done. Nothing in guest memory is read twice, and of an element only its
 * outputs are written. Batches allocate nothing, and no call allocates in proportion to {@code count}.
 *
 * <p>One instance per serving thread and guest. Source of all return values: docs/hypercall-abi.md.
 */
public final class HypercallExecutor implements AutoCloseable {
    /** Operations copied and applied at a time; a boundary does not flush and is invisible to the guest. */
    static final int SLICE_OPERATIONS = 4096;

    /**
     * Operations whose results can wait for one flush. A longer call that removes something flushes early at each multiple,
     * like a call that reaches its bound on held frames.
     */
    static final int WINDOW_OPERATIONS = 1 << 20;

    private static final int OFFERED = IommuCaps.CAP_CONTEXTS
            | IommuCaps.CAP_RANGES
            | IommuCaps.CAP_MIXED
            | IommuCaps.CAP_LOOKUP
            | IommuCaps.CAP_DEFER;

    private static final long PAGE_BYTES = 4096;
    /** Where a mixed call keeps the operations of a whole window, other calls those of one slice. */
    private static final long SNAPSHOT_BYTES = (long) WINDOW_OPERATIONS * IommuMixedOp.SIZE;

    private static final long RESULTS_BYTES = (long) WINDOW_OPERATIONS * Long.BYTES;
    /** What a long call has touched of the scratch memory beyond this is given back to the system. */
    private static final long KEPT_SNAPSHOT_BYTES = (long) SLICE_OPERATIONS * IommuRangeOp.SIZE;

    private final Engine engine;
    private final Guest guest;
    private final BatchExecutor batch;
    private final ContextOperations contexts;
    private final AnonymousMemory scratch =
            AnonymousMemory.reserve(SNAPSHOT_BYTES + RESULTS_BYTES + WINDOW_OPERATIONS, false);
    private final MemorySegment snapshotSegment = scratch.segment().asSlice(0, SNAPSHOT_BYTES);
    private final long snapshot = snapshotSegment.address();
    private final long results = snapshot + SNAPSHOT_BYTES;
    private final long statuses = results + RESULTS_BYTES;

    /** Serves {@code guest}'s calls. */
    public HypercallExecutor(Engine engine, Guest guest) {
        this.engine = engine;
        this.guest = guest;
        this.batch = new BatchExecutor();
        this.contexts = new ContextOperations(engine, guest);
    }

    /**
     * One hypercall.
     *
     * @param cmd the caller's 32-bit word: sub-operation, modifiers, context
     * @param arg guest address of the array, unsigned
     * @param count number of elements, unsigned
     * @return 0 or a negative {@link IommuStatus}; query_reserved: how many ranges there are
     * @throws GuestFaultException when the guest's memory vanished under the call
     */
    public long call(int cmd, long arg, int count) {
        guest.counters().calls.addConcurrently(1);
        if (!guest.policy().enabled()) {
            return IommuStatus.ENOSYS;
        }
        if (!guest.policy().permitted()) {
            return IommuStatus.EPERM;
        }
        int subOp = IommuOp.subOp(cmd);
        if (!IommuOp.isKnown(subOp)) {
            return IommuStatus.EOPNOTSUPP;
        }
        int modifiers = IommuOp.modifiers(cmd);
        if (modifiers != 0 && !(modifiers == IommuOp.F_DEFER && canDefer(subOp))) {
            return IommuStatus.EINVAL;
        }
        return callOnContext(cmd, subOp, arg, count);
    }

    private static boolean canDefer(int subOp) {
        return subOp == IommuOp.UNMAP_PAGE || subOp == IommuOp.UNMAP_RANGE || subOp == IommuOp.MIXED;
    }

    private long callOnContext(int cmd, int subOp, long arg, int count) {
        guest.lock().lock();
        try {
            // The lock keeps the guest's regions mapped: they are added and removed under it.
            if (!guest.isAlive()) {
                return IommuStatus.EPERM;
            }
            AddressSpace space = guest.addressSpace(IommuOp.contextNumber(cmd));
            if (space == null) {
                return IommuStatus.ENOENT;
            }
            int refusal = checkArray(subOp, arg, count);
            if (refusal != IommuStatus.OK) {
                return refusal;
            }
            boolean deferred = IommuOp.modifiers(cmd) != 0;
            return execute(space, subOp, deferred, arg, count);
        } catch (InternalError e) {
            // Raised where a page of a mapped file cannot be had; every file access below is to guest memory.
            throw new GuestFaultException("guest=" + guest.id() + " memory vanished during a call", e);
        } finally {
            guest.lock().unlock();
        }
    }

    /** An unsigned count above 2^31 - 1 is negative here. count * size is below 2^37, so only the sum can wrap. */
    private static int checkArray(int subOp, long arg, int count) {
        if (count == 0) {
            return IommuStatus.OK;
        }
        if (subOp == IommuOp.FLUSH || count < 0 || (arg & (IommuOp.ARG_ALIGN - 1)) != 0) {
            return IommuStatus.EINVAL;
        }
        long lastByte = arg + (long) count * IommuOp.elementBytes(subOp) - 1;
        return Long.compareUnsigned(lastByte, arg) < 0 ? IommuStatus.EINVAL : IommuStatus.OK;
    }

    private int execute(AddressSpace space, int subOp, boolean deferred, long arg, int count) {
        if (subOp == IommuOp.QUERY_RESERVED) {
            return queryReserved(space, arg, count);
        }
        if (subOp == IommuOp.FLUSH) {
            return space.flushAndRelease() ? IommuStatus.OK : IommuStatus.EIO;
        }
        if (count == 0) {
            return IommuStatus.OK;
        }
        return switch (subOp) {
            case IommuOp.QUERY_CAPS -> queryCaps(arg, count);
            case IommuOp.LOOKUP_PAGE -> lookup(space, arg, count);
            case IommuOp.ALLOC_CONTEXT, IommuOp.FREE_CONTEXT, IommuOp.ATTACH_DEVICE ->
                changeContexts(subOp, arg, count);
            default -> mapOrUnmap(space, subOp, deferred, arg, count);
        };
    }

    private int mapOrUnmap(AddressSpace space, int subOp, boolean deferred, long arg, int count) {
        int size = IommuOp.elementBytes(subOp);
        int accessible = accessibleElements(arg, count, size);
        int result = IommuStatus.OK;
        for (int from = 0; from < accessible; from += WINDOW_OPERATIONS) {
            int n = Math.min(WINDOW_OPERATIONS, accessible - from);
            long windowArg = arg + (long) from * size;
            if (!applyWindow(space, subOp, deferred, windowArg, n)) {
                result = IommuStatus.EIO;
            }
            publish(subOp, windowArg, n);
        }
        return accessible < count ? IommuStatus.EFAULT : result;
    }

    private boolean applyWindow(AddressSpace space, int subOp, boolean deferred, long arg, int count) {
        int size = IommuOp.elementBytes(subOp);
        boolean keepAll = subOp == IommuOp.MIXED;
        boolean finished = false;
        batch.begin(space, subOp, deferred);
        try {
            for (int from = 0; from < count; from += SLICE_OPERATIONS) {
                int n = Math.min(SLICE_OPERATIONS, count - from);
                long slice = snapshot + (keepAll ? (long) from * size : 0);
                guest.memory().copyIn(arg + (long) from * size, slice, (long) n * size);
                batch.apply(slice, n, statuses + from, results + 8L * from, from + n == count);
            }
            boolean good = batch.finish();
            finished = true;
            return good;
        } finally {
            batch.end(finished);
        }
    }

    /** Step 7. Results first: who sees a status may rely on what belongs to it. */
    private void publish(int subOp, long arg, int n) {
        int size = IommuOp.elementBytes(subOp);
        switch (subOp) {
            case IommuOp.MAP_RANGE, IommuOp.UNMAP_RANGE -> {
                for (int i = 0; i < n; i++) {
                    long done = RangeOperations.nrDone(RawMemory.getLong(results + 8L * i));
                    guest.memory().putLong(arg + (long) i * size + IommuRangeOp.NR_DONE_OFFSET, done);
                }
                guest.memory().publishStatuses(statuses, n, arg + IommuRangeOp.STATUS_OFFSET, size);
            }
            case IommuOp.MIXED -> guest.memory().publishStatuses(statuses, n, arg + IommuMixedOp.STATUS_OFFSET, size);
            default -> guest.memory().publishStatuses(statuses, n, arg + IommuMapOp.STATUS_OFFSET, size);
        }
        if (n > SLICE_OPERATIONS) {
            scratch.discard(KEPT_SNAPSHOT_BYTES, SNAPSHOT_BYTES - KEPT_SNAPSHOT_BYTES);
        }
    }

    /** Elements that create, remove or attach take effect one by one, and each slice is answered when it is done. */
    private int changeContexts(int subOp, long arg, int count) {
        int size = IommuOp.elementBytes(subOp);
        int accessible = accessibleElements(arg, count, size);
        for (int from = 0; from < accessible; from += SLICE_OPERATIONS) {
            int n = Math.min(SLICE_OPERATIONS, accessible - from);
            long sliceArg = arg + (long) from * size;
            guest.memory().copyIn(sliceArg, snapshot, (long) n * size);
            contexts.apply(subOp, snapshot, n, statuses);
            if (subOp == IommuOp.ALLOC_CONTEXT) {
                publishContextNumbers(sliceArg, n);
            }
            int statusOffset =
                    subOp == IommuOp.ATTACH_DEVICE ? IommuAttachOp.STATUS_OFFSET : IommuContextOp.STATUS_OFFSET;
            guest.memory().publishStatuses(statuses, n, sliceArg + statusOffset, size);
            guest.counters().operations.add(n);
        }
        return accessible < count ? IommuStatus.EFAULT : IommuStatus.OK;
    }

    /** Only where one was made: an element that was refused keeps what the guest has there by now. */
    private void publishContextNumbers(long arg, int n) {
        for (int i = 0; i < n; i++) {
            long number = (long) i * IommuContextOp.SIZE + IommuContextOp.CTX_NO_OFFSET;
            if (RawMemory.getByte(statuses + i) == IommuStatus.OK) {
                guest.memory().putInt(arg + number, RawMemory.getInt(snapshot + number));
            }
        }
    }

    /** Tells as many ranges as the array has room for, and returns how many there are. */
    private int queryReserved(AddressSpace space, long arg, int count) {
        List<ReservedRegion> regions = guest.reservedRegions(space);
        int n = Math.min(count, regions.size());
        if (n > 0 && accessibleElements(arg, n, IommuReservedRange.SIZE) < n) {
            return IommuStatus.EFAULT;
        }
        for (int i = 0; i < n; i++) {
            ReservedRegion region = regions.get(i);
            IommuReservedRange.putFirstBfn(snapshotSegment, 0, region.bfns().first());
            IommuReservedRange.putLastBfn(snapshotSegment, 0, region.bfns().last());
            IommuReservedRange.putKind(snapshotSegment, 0, region.kind().abiNumber());
            IommuReservedRange.putReserved(snapshotSegment, 0, 0);
            guest.memory().copyOut(snapshot, arg + (long) i * IommuReservedRange.SIZE, IommuReservedRange.SIZE);
        }
        return regions.size();
    }

    private int accessibleElements(long arg, int count, int elementBytes) {
        return (int) (guest.memory().accessibleBytes(arg, (long) count * elementBytes) / elementBytes);
    }

    /** Changes nothing, so each slice is answered at once and nothing is recorded. */
    private int lookup(AddressSpace space, long arg, int count) {
        int accessible = accessibleElements(arg, count, IommuMapOp.SIZE);
        for (int from = 0; from < accessible; from += SLICE_OPERATIONS) {
            int n = Math.min(SLICE_OPERATIONS, accessible - from);
            long sliceArg = arg + (long) from * IommuMapOp.SIZE;
            guest.memory().copyIn(sliceArg, snapshot, (long) n * IommuMapOp.SIZE);
            for (int i = 0; i < n; i++) {
                long offset = (long) i * IommuMapOp.SIZE;
                lookupOne(space, RawMemory.getLong(snapshot + offset + IommuMapOp.BFN_OFFSET), sliceArg + offset);
            }
            guest.memory().settle();
            guest.counters().operations.add(n);
        }
        return accessible < count ? IommuStatus.EFAULT : IommuStatus.OK;
    }

    /** mfn and flags are outputs of a successful lookup only. */
    private void lookupOne(AddressSpace space, long bfn, long elementAddress) {
        int status = IommuStatus.ERANGE;
        if (space.isInAperture(bfn)) {
            long entry = space.table().entryForWriter(bfn);
            status = PageEntry.isMapped(entry) ? IommuStatus.OK : IommuStatus.ENOENT;
            if (status == IommuStatus.OK) {
                guest.memory().putLong(elementAddress + IommuMapOp.MFN_OFFSET, PageEntry.mfn(entry));
                guest.memory().putInt(elementAddress + IommuMapOp.FLAGS_OFFSET, PageEntry.access(entry));
            }
        }
        if (status != IommuStatus.OK) {
            guest.counters().failures.add(1);
        }
        guest.memory().putInt(elementAddress + IommuMapOp.STATUS_OFFSET, status);
    }

    private int queryCaps(long arg, int count) {
        if (count != 1) {
            return IommuStatus.EINVAL;
        }
        if (accessibleElements(arg, 1, IommuCaps.SIZE) == 0) {
            return IommuStatus.EFAULT;
        }
        HostCapabilities host = engine.hostCapabilities();
        IommuCaps.putAbiVersion(snapshotSegment, 0, IommuOp.ABI_VERSION);
        IommuCaps.putCaps(snapshotSegment, 0, OFFERED | (host.cutsMappings() ? IommuCaps.CAP_CUT : 0));
        IommuCaps.putMaxBfn(snapshotSegment, 0, host.lastBfn());
        IommuCaps.putPageSizeMask(snapshotSegment, 0, PAGE_BYTES); // every operation speaks about 4 KiB pages
        IommuCaps.putMaxContexts(snapshotSegment, 0, guest.policy().maxContexts());
        IommuCaps.putMaxHeldFrames(snapshotSegment, 0, guest.policy().maxHeldFrames());
        IommuCaps.putMaxMappedFrames(snapshotSegment, 0, guest.policy().maxMappedFrames());
        guest.memory().copyOut(snapshot, arg, IommuCaps.SIZE);
        return IommuStatus.OK;
    }

    @Override
    public void close() {
        scratch.close();
    }
}
