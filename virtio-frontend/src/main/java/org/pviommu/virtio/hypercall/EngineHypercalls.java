package org.pviommu.virtio.hypercall;

import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.pviommu.abi.IommuStatus;
import org.pviommu.engine.Engine;
import org.pviommu.engine.Guest;
import org.pviommu.engine.HypercallExecutor;
import org.pviommu.virtio.memory.MemoryOwner;
import org.pviommu.virtio.vhost.MappedRegion;

/** Hypercalls of a guest of the engine. */
public final class EngineHypercalls implements HypercallPort {
    private final Engine engine;
    private final Supplier<@Nullable Guest> guests;
    private final MemoryOwner memory;
    private @Nullable Guest served;
    private @Nullable HypercallExecutor executor;

    /**
     * Calls of whatever guest there is.
     *
     * @param guests the guest as it is now, null while there is none: it may come with its memory, and again after it has gone
     * @param memory registers the guest's memory
     */
    public EngineHypercalls(Engine engine, Supplier<@Nullable Guest> guests, MemoryOwner memory) {
        this.engine = engine;
        this.guests = guests;
        this.memory = memory;
    }

    /**
     * One call.
     *
     * @throws org.pviommu.engine.GuestFaultException when the guest's memory vanished under it
     */
    @Override
    public long call(int cmd, long arg, int count) {
        HypercallExecutor current = current();
        return current == null ? IommuStatus.ENOSYS : current.call(cmd, arg, count);
    }

    private @Nullable HypercallExecutor current() {
        Guest guest = guests.get();
        if (guest == null || !guest.equals(served)) {
            closeExecutor();
            served = guest;
            executor = guest == null ? null : new HypercallExecutor(engine, guest);
        }
        return executor;
    }

    @Override
    public void memoryChanged(List<MappedRegion> regions) {
        memory.memoryChanged(regions);
    }

    @Override
    public void disconnected() {
        closeExecutor();
        memory.disconnected();
    }

    private void closeExecutor() {
        HypercallExecutor old = executor;
        executor = null;
        served = null;
        if (old != null) {
            old.close();
        }
    }
}
