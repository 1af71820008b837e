package org.pviommu.systemtests.differential;

import static org.pviommu.systemtests.differential.Divergence.found;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.pviommu.engine.Engine;
import org.pviommu.engine.Guest;
import org.pviommu.engine.HypercallExecutor;

/** The engine's side of one guest of a world, from its first life to its last. */
final class Seat implements AutoCloseable {
    final GuestShape shape;
    final GuestModel model;
    /** What it registered and what was not given back yet. */
    final List<FrameMemory> memories = new ArrayList<>();

    private @Nullable Guest guest;
    private @Nullable HypercallExecutor executor;
    private @Nullable FrameMemory arguments;

    Seat(GuestShape shape, GuestModel model) {
        this.shape = shape;
        this.model = model;
    }

    /** Its newest life. */
    Guest guest() {
        return found(guest, "there never was a guest " + shape.guestId());
    }

    HypercallExecutor executor() {
        return found(executor, "there never was a guest " + shape.guestId());
    }

    /** Memory of its arrays; only while it is alive. */
    MemorySegment arguments() {
        return found(arguments, "no arguments").segment();
    }

    /** Another life began, or goes on. */
    void sit(Engine engine, Guest newGuest) {
        if (newGuest.equals(guest)) {
            return;
        }
        close();
        guest = newGuest;
        executor = new HypercallExecutor(engine, newGuest);
    }

    void useForArguments(FrameMemory memory) {
        arguments = memory;
    }

    @Override
    public void close() {
        if (executor != null) {
            executor.close();
        }
    }
}
