package org.pviommu.server.vhost;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.pviommu.engine.EndpointDescriptor;
import org.pviommu.engine.EndpointTranslation;
import org.pviommu.engine.Engine;
import org.pviommu.engine.EngineException;
import org.pviommu.engine.Guest;
import org.pviommu.engine.GuestMemory;
import org.pviommu.engine.OwnMemory;
import org.pviommu.journal.Recovery;
import org.pviommu.server.config.GuestSettings;
import org.pviommu.virtio.memory.GuestMemoryShare;
import org.pviommu.virtio.vhost.MappedRegion;

/**
 * A virtual machine as a guest of the engine. It is there as long as the service runs, whether a monitor is connected or not; its memory
 * comes and goes with its sockets.
 *
 * <p>One that was there before the service was started anew is waited for: until a socket has brought the memory that it had, its
 * devices do nothing, and if the memory is another one, so is the machine, and what the old one had is gone.
 *
 * <p>Threads: any. The lock is taken before the engine's and the guest's.
 */
final class VirtualMachine {
    private final Engine engine;
    private final int id;
    private final GuestSettings settings;
    private final @Nullable Recovery recovery;
    private final List<Consumer<Guest>> whenAdmitted = new ArrayList<>();
    private volatile @Nullable Guest guest;
    private @Nullable GuestMemoryShare memory;
    private boolean cameBack;
    /** The service stops: what is told from now on says nothing about the machine, which goes on. */
    private volatile boolean stopping;

    VirtualMachine(Engine engine, int id, GuestSettings settings, @Nullable Recovery recovery) {
        this.engine = engine;
        this.id = id;
        this.settings = settings;
        this.recovery = recovery;
    }

    int id() {
        return id;
    }

    /** The guest; null while it is waited for. */
    @Nullable
    Guest guest() {
        return guest;
    }

    /** Whether the guest is the one of before the service's start. */
    synchronized boolean cameBack() {
        return cameBack;
    }

    boolean isStopping() {
        return stopping;
    }

    void stop() {
        stopping = true;
    }

    /** Has {@code action} run when the guest is let in, in the order in which they came, before anybody else sees it. Before {@link #start}. */
    void whenAdmitted(Consumer<Guest> action) {
        whenAdmitted.add(action);
    }

    /**
     * Lets the guest in, or waits for it.
     *
     * @throws EngineException when it cannot be let in
     */
    synchronized void start() {
        Guest before = recovery == null ? null : recovery.before(id);
        if (recovery != null && before != null) {
            if (!before.ownMemory().isEmpty()
                    && endpoints(before.endpoints()).equals(endpoints(settings.endpoints()))) {
                return;
            }
            recovery.forget(id);
        }
        admit(engine.addGuest(id, settings.policy(), settings.endpoints()), false);
    }

    private static Set<Integer> endpoints(List<EndpointDescriptor> endpoints) {
        return endpoints.stream().map(EndpointDescriptor::endpointId).collect(Collectors.toSet());
    }

    private void admit(Guest admitted, boolean back) {
        cameBack = back;
        memory = new GuestMemoryShare(engine, admitted);
        whenAdmitted.forEach(action -> action.accept(admitted));
        guest = admitted;
    }

    /** The memory of a guest that is there. */
    synchronized GuestMemoryShare memory() {
        GuestMemoryShare share = memory;
        if (share == null) {
            throw new IllegalStateException("guest=" + id + " is not there yet");
        }
        return share;
    }

    /**
     * A socket has another memory table.
     *
     * @param socket stands for it; the same object each time
     * @param regions all of it; none when its front-end has gone
     */
    void memoryChanged(Object socket, List<MappedRegion> regions) {
        if (stopping) {
            return;
        }
        synchronized (this) {
            if (guest == null && !regions.isEmpty()) {
                comeBackOrAnew(regions);
            }
            GuestMemoryShare share = memory;
            if (share != null) {
                share.changed(socket, regions);
            }
        }
    }

    private void comeBackOrAnew(List<MappedRegion> regions) {
        Recovery before = recovery;
        if (before != null && before.isWaiting(id)) {
            Map<Long, GuestMemory> memories = GuestMemoryShare.map(regions);
            if (isPartOf(before.before(id), memories)) {
                memories.values().forEach(GuestMemory::close);
                return; // memory comes region by region: the next message may bring the rest
            }
            try {
                admit(before.comeBack(engine, id, memories), true);
                return;
            } catch (EngineException e) {
                if (e.kind() == EngineException.Kind.BUSY) {
                    memories.values().forEach(GuestMemory::close);
                    return; // whose frames it maps is not back: the next memory table may find it there
                }
                if (e.kind() == EngineException.Kind.INVALID) {
                    memories.values().forEach(GuestMemory::close);
                }
            }
            before.forget(id);
        }
        admit(engine.addGuest(id, settings.policy(), settings.endpoints()), false);
    }

    /** Whether all of this was the guest's before, and there was more. */
    private static boolean isPartOf(@Nullable Guest before, Map<Long, GuestMemory> memories) {
        if (before == null) {
            return false;
        }
        Set<OwnMemory> had = Set.copyOf(before.ownMemory());
        Set<OwnMemory> has = memories.entrySet().stream()
                .map(each -> new OwnMemory(
                        each.getKey(),
                        each.getValue().segment().byteSize() >>> 12,
                        each.getValue().file(),
                        each.getValue().fileOffsetBytes()))
                .collect(Collectors.toSet());
        return has.size() < had.size() && had.containsAll(has);
    }

    /** Where an endpoint's DMA leads; nowhere while the guest is waited for. */
    EndpointTranslation translation(int endpoint) {
        Guest there = guest;
        return there == null ? Nowhere.INSTANCE : there.translation(endpoint);
    }

    /** Lets nobody through. */
    private enum Nowhere implements EndpointTranslation {
        INSTANCE;

        @Override
        public int enter() {
            return 0;
        }

        @Override
        public void exit(int section) {
            // nothing was entered
        }

        @Override
        public boolean translate(long iova, int access, Piece into) {
            return false;
        }

        @Override
        public long generation() {
            return 0;
        }

        @Override
        public boolean isBypass() {
            return false;
        }
    }
}
