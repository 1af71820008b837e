package org.pviommu.systemtests.differential;

import static org.pviommu.systemtests.differential.Divergence.found;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.pviommu.abi.IommuOp;
import org.pviommu.abi.IommuStatus;

/** alloc_context, free_context and attach_device; each element takes effect before the next is looked at. */
final class ContextModel {
    private final RunningCall run;
    private final Call call;
    private final GuestModel guest;

    ContextModel(RunningCall run) {
        this.run = run;
        this.call = run.call;
        this.guest = run.guest;
    }

    void applyAll() {
        boolean room = call.subOp == IommuOp.FREE_CONTEXT ? run.removalsRoom : run.mapsRoom;
        for (int i = 0; i < run.statuses.length; i++) {
            run.statuses[i] = room ? applyOne(i) : IommuStatus.EIO;
        }
    }

    private int applyOne(int i) {
        return switch (call.subOp) {
            case IommuOp.ALLOC_CONTEXT -> alloc(i);
            case IommuOp.FREE_CONTEXT -> free(call.target[i]);
            default -> attach(i);
        };
    }

    private int alloc(int i) {
        int context = 0;
        while (guest.spaces.containsKey(context)) {
            context++;
        }
        if (context >= guest.shape.maxContexts()) {
            return IommuStatus.ENOSPC;
        }
        HostEvent made = run.host.next(HostEvent.Kind.CREATE, null);
        if (made.outcome() != 0) {
            return IommuStatus.EIO;
        }
        if (guest.tablePages() + 1 > guest.shape.maxTablePages()) {
            return IommuStatus.ENOSPC;
        }
        guest.addSpace(context, made.space());
        run.results[i] = context;
        return IommuStatus.OK;
    }

    private int free(int context) {
        if (context == 0) {
            return IommuStatus.EINVAL;
        }
        SpaceModel freed = guest.spaces.get(context);
        if (freed == null) {
            return IommuStatus.ENOENT;
        }
        if (guest.attachments.containsValue(context)) {
            return IommuStatus.EBUSY;
        }
        if (!run.host.drain(freed)) {
            return IommuStatus.EIO;
        }
        guest.spaces.remove(context);
        return IommuStatus.OK;
    }

    private int attach(int i) {
        if (call.flags[i] != 0) {
            return IommuStatus.EINVAL;
        }
        GuestShape.Endpoint endpoint = guest.endpoint(call.endpoint[i]);
        SpaceModel target = guest.spaces.get(call.target[i]);
        if (endpoint == null || target == null) {
            return IommuStatus.ENOENT;
        }
        if (isAt(endpoint, target)) {
            return IommuStatus.OK;
        }
        return partsGroup(endpoint, target, i) ? IommuStatus.EBUSY : move(endpoint, target);
    }

    private boolean isAt(GuestShape.Endpoint endpoint, SpaceModel space) {
        Integer at = guest.attachments.get(endpoint.endpointId());
        return at != null && at == space.context;
    }

    private List<GuestShape.Endpoint> groupOf(GuestShape.Endpoint endpoint) {
        return guest.shape.endpoints().stream()
                .filter(member -> member.group() == endpoint.group())
                .toList();
    }

    private int move(GuestShape.Endpoint endpoint, SpaceModel target) {
        List<GuestShape.Endpoint> group = groupOf(endpoint);
        SpaceModel old = group.stream()
                .map(member -> guest.attachments.get(member.endpointId()))
                .filter(at -> at != null && at != target.context)
                .findFirst()
                .map(guest.spaces::get)
                .orElse(null);
        if (old != null && !run.host.flushAndRelease(old)) {
            return IommuStatus.EIO;
        }
        long outcome = block(group, target)
                ? run.host.next(HostEvent.Kind.ATTACH, target).outcome()
                : IommuStatus.EIO;
        if (outcome == 0) {
            guest.attachments.put(endpoint.endpointId(), target.context);
            return IommuStatus.OK;
        }
        bringBack(group, old);
        return outcome == -HostAnswers.EBUSY ? IommuStatus.EBUSY : IommuStatus.EIO;
    }

    private boolean block(List<GuestShape.Endpoint> group, SpaceModel target) {
        boolean blocked = true;
        for (GuestShape.Endpoint member : group) {
            Integer at = guest.attachments.get(member.endpointId());
            if (at != null && at != target.context) {
                SpaceModel from = found(guest.spaces.get(at), "attached to nothing");
                boolean done = run.host.next(HostEvent.Kind.DETACH, from).outcome() == 0;
                blocked &= done;
                if (done) {
                    guest.attachments.remove(member.endpointId());
                }
            }
        }
        return blocked;
    }

    private void bringBack(List<GuestShape.Endpoint> group, @Nullable SpaceModel old) {
        for (GuestShape.Endpoint member : group) {
            boolean goesBack = old != null && !guest.attachments.containsKey(member.endpointId());
            if (goesBack && run.host.next(HostEvent.Kind.ATTACH, old).outcome() == 0) {
                guest.attachments.put(member.endpointId(), found(old, "unreachable").context);
            }
        }
    }

    private boolean partsGroup(GuestShape.Endpoint endpoint, SpaceModel target, int index) {
        for (GuestShape.Endpoint member : groupOf(endpoint)) {
            if (isAt(member, target)) {
                continue;
            }
            boolean moves = member.equals(endpoint);
            for (int k = index + 1; k < run.statuses.length; k++) {
                moves |= call.endpoint[k] == member.endpointId()
                        && call.target[k] == target.context
                        && call.flags[k] == 0;
            }
            if (!moves || occupiesReserved(member, target)) {
                return true;
            }
        }
        return false;
    }

    private static boolean occupiesReserved(GuestShape.Endpoint endpoint, SpaceModel target) {
        return target.mappedBfns().stream().anyMatch(bfn -> GuestShape.anyContains(endpoint.reserved(), bfn))
                || target.owed.stream().anyMatch(owed -> GuestShape.anyContains(endpoint.reserved(), owed.bfn()));
    }
}
