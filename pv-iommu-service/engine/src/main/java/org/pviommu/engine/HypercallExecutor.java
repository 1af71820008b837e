package org.pviommu.engine;

import java.lang.foreign.MemorySegment;
import org.pviommu.abi.IommuCaps;
import org.pviommu.abi.IommuMapOp;
import org.pviommu.abi.IommuOp;
import org.pviommu.abi.IommuStatus;
import org.pviommu.natives.AnonymousMemory;

/**
 * The hypercall as a guest makes it: {@code HYPERVISOR_iommu_op(cmd, arg, count)} with {@code arg} a guest address.
 *
 * <p>Decodes and checks the call, copies the array out of guest memory slice by slice, lets a {@link BatchExecutor} apply it,
 * and publishes the statuses when the flush is done. Nothing in guest memory is read twice, and of an element only its
 * outputs are written. No allocation per call, and no allocation in proportion to {@code count}.
 *
 * <p>One instance per serving thread and guest. Source of all return values: docs/hypercall-abi.md.
 */
public final class HypercallExecutor implements AutoCloseable {
    /** Operations copied and applied at a time; a boundary does not flush and is invisible to the guest. */
    static final int SLICE_OPERATIONS = 4096;

    /**
     * Operations whose statuses can wait for one flush. A longer call that removes something flushes early at each
     * multiple, like a call that reaches its bound on held frames.
     */
    static final int WINDOW_OPERATIONS = 1 << 20;

    private static final long SNAPSHOT_BYTES = (long) SLICE_OPERATIONS * IommuMapOp.SIZE;

    private final Engine engine;
    private final Guest guest;
    private final BatchExecutor batch;
    private final AnonymousMemory scratch = AnonymousMemory.reserve(SNAPSHOT_BYTES + WINDOW_OPERATIONS, false);
    private final MemorySegment capsScratch = scratch.segment().asSlice(0, IommuCaps.SIZE);
    private final long snapshot = scratch.segment().address();
    private final long statuses = snapshot + SNAPSHOT_BYTES;

    /** Serves {@code guest}'s calls. */
    public HypercallExecutor(Engine engine, Guest guest) {
        this.engine = engine;
        this.guest = guest;
        this.batch = new BatchExecutor(engine.log());
    }

    /**
     * One hypercall.
     *
     * @param cmd the caller's 32-bit word: sub-operation, modifiers, context
     * @param arg guest address of the array, unsigned
     * @param count number of elements, unsigned
     * @return 0 or a negative {@link IommuStatus}
     * @throws GuestFaultException when the guest's memory vanished under the call
     */
    public long call(int cmd, long arg, int count) {
        guest.counters().calls.addConcurrently(1);
        int subOp = IommuOp.subOp(cmd);
        int refusal = checkCall(cmd, subOp);
        if (refusal != IommuStatus.OK || count == 0) {
            return refusal;
        }
        refusal = checkArray(arg, count, IommuOp.elementBytes(subOp));
        return refusal != IommuStatus.OK ? refusal : execute(subOp, arg, count);
    }

    /** Precedence: permission, then sub-operation, modifiers, context. */
    private int checkCall(int cmd, int subOp) {
        if (!guest.policy().enabled()) {
            return IommuStatus.ENOSYS;
        }
        if (!guest.policy().permitted()) {
            return IommuStatus.EPERM;
        }
        if (!isOffered(subOp)) {
            return IommuStatus.EOPNOTSUPP;
        }
        if (IommuOp.modifiers(cmd) != 0) {
            // F_defer speaks about removals; it is known, but its capability bit is clear.
            boolean deferredUnmap = subOp == IommuOp.UNMAP_PAGE && IommuOp.modifiers(cmd) == IommuOp.F_DEFER;
            return deferredUnmap ? IommuStatus.EOPNOTSUPP : IommuStatus.EINVAL;
        }
        return IommuOp.contextNumber(cmd) == 0 ? IommuStatus.OK : IommuStatus.ENOENT;
    }

    private static boolean isOffered(int subOp) {
        return switch (subOp) {
            case IommuOp.QUERY_CAPS, IommuOp.MAP_PAGE, IommuOp.UNMAP_PAGE, IommuOp.LOOKUP_PAGE -> true;
            default -> false;
        };
    }

    /** An unsigned count above 2^31 - 1 is negative here. count * size is below 2^37, so only the sum can wrap. */
    private static int checkArray(long arg, int count, int elementBytes) {
        if (count < 0 || (arg & (IommuOp.ARG_ALIGN - 1)) != 0) {
            return IommuStatus.EINVAL;
        }
        long lastByte = arg + (long) count * elementBytes - 1;
        return Long.compareUnsigned(lastByte, arg) < 0 ? IommuStatus.EINVAL : IommuStatus.OK;
    }

    private int execute(int subOp, long arg, int count) {
        AddressSpace space = guest.ownSpace();
        space.lock().lock();
        try {
            // The lock keeps the guest's regions mapped: they are added and removed under it.
            if (!guest.isAlive()) {
                return IommuStatus.EPERM;
            }
            return switch (subOp) {
                case IommuOp.QUERY_CAPS -> queryCaps(arg, count);
                case IommuOp.LOOKUP_PAGE -> lookup(space, arg, count);
                default -> mapOrUnmap(space, subOp, arg, count);
            };
        } catch (InternalError e) {
            // Raised where a page of a mapped file cannot be had; every file access below is to guest memory.
            throw new GuestFaultException("guest=" + guest.id() + " memory vanished during a call", e);
        } finally {
            space.lock().unlock();
        }
    }

    private int mapOrUnmap(AddressSpace space, int subOp, long arg, int count) {
        int accessible = accessibleElements(arg, count, IommuMapOp.SIZE);
        int result = IommuStatus.OK;
        for (int from = 0; from < accessible; from += WINDOW_OPERATIONS) {
            int n = Math.min(WINDOW_OPERATIONS, accessible - from);
            long windowArg = arg + (long) from * IommuMapOp.SIZE;
            if (!applyWindow(space, subOp, windowArg, n)) {
                result = IommuStatus.EIO;
            }
            guest.memory().publishStatuses(statuses, n, windowArg + IommuMapOp.STATUS_OFFSET, IommuMapOp.SIZE);
        }
        return accessible < count ? IommuStatus.EFAULT : result;
    }

    private int accessibleElements(long arg, int count, int elementBytes) {
        return (int) (guest.memory().accessibleBytes(arg, (long) count * elementBytes) / elementBytes);
    }

    private boolean applyWindow(AddressSpace space, int subOp, long arg, int count) {
        boolean finished = false;
        batch.begin(space, subOp);
        try {
            for (int from = 0; from < count; from += SLICE_OPERATIONS) {
                int n = Math.min(SLICE_OPERATIONS, count - from);
                guest.memory().copyIn(arg + (long) from * IommuMapOp.SIZE, snapshot, (long) n * IommuMapOp.SIZE);
                batch.apply(snapshot, n, statuses + from, from + n == count);
            }
            boolean good = batch.finish();
            finished = true;
            return good;
        } finally {
            batch.end(finished);
        }
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
        IommuCaps.putAbiVersion(capsScratch, 0, IommuOp.ABI_VERSION);
        IommuCaps.putCaps(capsScratch, 0, IommuCaps.CAP_LOOKUP | (host.cutsMappings() ? IommuCaps.CAP_CUT : 0));
        IommuCaps.putMaxBfn(capsScratch, 0, host.lastBfn());
        IommuCaps.putPageSizeMask(capsScratch, 0, host.pageSizeMask());
        IommuCaps.putMaxContexts(capsScratch, 0, 1);
        IommuCaps.putMaxHeldFrames(capsScratch, 0, guest.policy().maxHeldFrames());
        IommuCaps.putMaxMappedFrames(capsScratch, 0, guest.policy().maxMappedFrames());
        guest.memory().copyOut(capsScratch.address(), arg, IommuCaps.SIZE);
        return IommuStatus.OK;
    }

    @Override
    public void close() {
        scratch.close();
    }
}
