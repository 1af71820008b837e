package org.pviommu.systemtests.differential;

import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * What the engine should do, as naively as it can be said: maps of pages, one page at a time, no runs, no tables, no gather.
 * It shares no code with the engine.
 *
 * <p>What came from outside is given to it: the answers of the host IOMMU in their order, and whether the log had room.
 */
final class ReferenceModel {
    private final Coverage coverage;
    private final Map<Integer, GuestModel> guests = new LinkedHashMap<>();
    final CallModel calls;
    final GrantModel grants;
    final LifeModel lives;
    final MemoryModel memory;

    ReferenceModel(WorldShape shape, Coverage coverage) {
        this.coverage = coverage;
        shape.guests().forEach(each -> guests.put(each.guestId(), new GuestModel(each)));
        this.calls = new CallModel(shape, coverage);
        this.grants = new GrantModel(guests.values(), coverage);
        this.lives = new LifeModel(guests.values(), grants, coverage);
        this.memory = new MemoryModel(grants, coverage);
    }

    /** One step, in which the host answered {@code events}; all of them must be needed. */
    <T extends @Nullable Object> T step(List<HostEvent> events, Function<HostAnswers, T> what) {
        HostAnswers answers = new HostAnswers(events, coverage);
        T expected = what.apply(answers);
        answers.end();
        return expected;
    }

    GuestModel guest(int id) {
        return Divergence.found(guests.get(id), "no such guest");
    }

    Collection<GuestModel> guests() {
        return guests.values();
    }

    /** The guest whose address space that is, or null. */
    @Nullable
    GuestModel guestOfHostSpace(long hostSpace) {
        for (GuestModel guest : guests.values()) {
            if (spaceOf(guest, hostSpace) != null) {
                return guest;
            }
        }
        return null;
    }

    static @Nullable SpaceModel spaceOf(GuestModel guest, long hostSpace) {
        for (SpaceModel space : guest.spaces.values()) {
            if (space.hostSpace == hostSpace) {
                return space;
            }
        }
        return null;
    }

    @Override
    public String toString() {
        return guests.values().toString();
    }
}
