package org.pviommu.systemtests.differential;

import static org.pviommu.systemtests.differential.Divergence.found;

import java.util.Collection;
import org.jspecify.annotations.Nullable;
import org.pviommu.engine.EngineException.Kind;

/** How guests come and go. Null means done. */
final class LifeModel {
    private final Collection<GuestModel> guests;
    private final GrantModel grants;
    private final Coverage coverage;

    LifeModel(Collection<GuestModel> guests, GrantModel grants, Coverage coverage) {
        this.guests = guests;
        this.grants = grants;
        this.coverage = coverage;
    }

    @Nullable
    Kind add(GuestModel guest, HostAnswers host) {
        if (guest.life == GuestModel.Life.DYING) {
            remove(guest, host);
        }
        if (guest.life != GuestModel.Life.GONE) {
            coverage.event(Event.NUMBER_TAKEN);
            return Kind.BUSY;
        }
        HostEvent made = host.next(HostEvent.Kind.CREATE, null);
        if (made.outcome() != 0) {
            coverage.event(Event.BIRTH_REFUSED);
            return Kind.HOST;
        }
        SpaceModel own = guest.addSpace(0, made.space());
        guest.life = GuestModel.Life.ALIVE;
        return attachAll(guest, own, host) ? null : Kind.HOST;
    }

    /** All or none. */
    private boolean attachAll(GuestModel guest, SpaceModel own, HostAnswers host) {
        for (GuestShape.Endpoint endpoint : guest.shape.endpoints()) {
            if (host.next(HostEvent.Kind.ATTACH, own).outcome() != 0) {
                boolean nothingLeft = tearDown(guest, host);
                coverage.event(nothingLeft ? Event.BIRTH_REFUSED : Event.BIRTH_HALF_WAY);
                return false;
            }
            guest.attachments.put(endpoint.endpointId(), 0);
        }
        return true;
    }

    void remove(GuestModel guest, HostAnswers host) {
        if (guest.life == GuestModel.Life.GONE) {
            return;
        }
        boolean retry = guest.life == GuestModel.Life.DYING;
        if (guest.mappedPages() > 0 && !retry) {
            coverage.event(Event.DEATH_WITH_MAPPINGS);
        }
        if (tearDown(guest, host)) {
            coverage.event(retry ? Event.DEATH_RETRIED : Event.DEATH);
            guests.stream().filter(other -> other.life == GuestModel.Life.DYING).forEach(other -> remove(other, host));
        }
    }

    /** Everything is tried, whatever was refused before; the guest is gone only when nothing was. */
    private boolean tearDown(GuestModel guest, HostAnswers host) {
        guest.life = GuestModel.Life.DYING;
        boolean released = block(guest, host);
        guest.regions.values().forEach(region -> grants.grantsOf(region).forEach(grant -> grant.revoked = true));
        boolean awaited = guest.regions.values().stream().anyMatch(grants::hasLiveGrants);
        for (SpaceModel space : guest.spaces.values()) {
            released &= host.drain(space);
        }
        if (!released) {
            coverage.event(Event.DEATH_REFUSED);
        } else if (awaited) {
            coverage.event(Event.DEATH_AWAITS_GRANTEE);
        } else {
            guest.spaces.clear();
            guest.regions.clear();
            guest.unregistered.clear();
            guest.life = GuestModel.Life.GONE;
        }
        return released && !awaited;
    }

    private static boolean block(GuestModel guest, HostAnswers host) {
        for (GuestShape.Endpoint endpoint : guest.shape.endpoints()) {
            Integer at = guest.attachments.get(endpoint.endpointId());
            if (at != null) {
                SpaceModel from = found(guest.spaces.get(at), "attached to nothing");
                if (host.next(HostEvent.Kind.DETACH, from).outcome() == 0) {
                    guest.attachments.remove(endpoint.endpointId());
                }
            }
        }
        return guest.attachments.isEmpty();
    }
}
