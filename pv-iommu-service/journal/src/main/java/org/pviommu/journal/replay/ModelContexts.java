package org.pviommu.journal.replay;

import org.jspecify.annotations.Nullable;
import org.pviommu.abi.IommuOp;
import org.pviommu.abi.IommuStatus;
import org.pviommu.engine.EndpointDescriptor;
import org.pviommu.engine.ReservedRegion;
import org.pviommu.engine.SliceRecord;
import org.pviommu.journal.record.JournalRecord;

/** A call of alloc_context, free_context or attach_device on the model. */
final class ModelContexts extends ModelCall {
    private int refusedMoves;

    ModelContexts(GuestModel guest, CallScript script, int subOp) {
        super(guest, script, subOp);
    }

    /** The call, or what the records tell of one whose end is missing. */
    void run(boolean cutOff) {
        startSlice();
        for (int i = 0; i < operations.size(); i++) {
            CallScript.Operation operation = operations.get(i);
            statuses[i] = switch (subOp) {
                case IommuOp.ALLOC_CONTEXT -> alloc(operation);
                case IommuOp.FREE_CONTEXT -> free(i, operation);
                default -> attach(i, operation);
            };
        }
        if (cutOff || recorded == operations.size()) {
            return;
        }
        JournalRecord.Slice record = script.expectSlice(subOp, 0, "the end of the call");
        script.compareFlush(record, false);
        if (refusedMoves > 0 && refusedMoves != script.refusalsOfNext().calls()) {
            // The way back was refused, too, or what was refused is not known.
            throw new CallScript.NotComparableException("where endpoints are attached");
        }
        compareRecord(record, operations.size());
    }

    private int alloc(CallScript.Operation operation) {
        int context = 0;
        while (guest.spaces.containsKey(context)) {
            context++;
        }
        if (context >= guest.policy.maxContexts()) {
            return IommuStatus.ENOSPC;
        }
        boolean refused = operation.refusals().explainsMap(operation.status());
        if (refused && operation.status() == IommuStatus.EIO) {
            return IommuStatus.EIO;
        }
        if (guest.tablePages() + 1 > guest.policy.maxTablePages()) {
            return IommuStatus.ENOSPC;
        }
        if (refused) {
            return operation.status();
        }
        guest.addSpace(context);
        if (operation.status() == IommuStatus.OK && operation.run().mfn() != context) {
            throw script.differs(
                    "expected context " + operation.run().mfn() + ", got context " + context, "context " + context);
        }
        return IommuStatus.OK;
    }

    private @Nullable SpaceModel space(long context) {
        return context < 0 || context > Integer.MAX_VALUE ? null : guest.spaces.get((int) context);
    }

    private int free(int i, CallScript.Operation operation) {
        long context = operation.run().mfn();
        if (context == 0) {
            return IommuStatus.EINVAL;
        }
        SpaceModel space = space(context);
        if (space == null) {
            return IommuStatus.ENOENT;
        }
        return guest.attached.containsValue(space) ? IommuStatus.EBUSY : drain(i, operation, space);
    }

    /** The number is free again when everything is removed and flushed. */
    private int drain(int i, CallScript.Operation operation, SpaceModel space) {
        space.removeAll();
        space.requireFlush();
        JournalRecord.Slice record = script.expectSlice(subOp, 0, "the flush of context " + space.context);
        boolean flushed = record.flush() == SliceRecord.Flush.DONE;
        boolean refused = operation.refusals().explainsOther(operation.status());
        if (refused && (flushed || operation.refusals().any())) {
            throw new CallScript.NotComparableException("which pages the host did not remove");
        }
        statuses[i] = flushed ? IommuStatus.OK : IommuStatus.EIO;
        script.compareFlush(record, true);
        compareRecord(record, i + 1);
        if (flushed) {
            space.flushed();
            guest.spaces.remove(space.context);
        }
        return statuses[i];
    }

    private int attach(int i, CallScript.Operation operation) {
        if (operation.run().flags() != 0) {
            return IommuStatus.EINVAL;
        }
        EndpointDescriptor endpoint = guest.endpoint((int) operation.run().bfn());
        SpaceModel target = space(operation.run().mfn());
        if (endpoint == null || target == null) {
            return IommuStatus.ENOENT;
        }
        if (guest.device != null && guest.device.governs(endpoint.endpointId())) {
            return IommuStatus.EBUSY;
        }
        if (guest.attached.get(endpoint.endpointId()) == target) {
            return IommuStatus.OK;
        }
        return partsGroup(i, endpoint, target) ? IommuStatus.EBUSY : move(operation, endpoint, target);
    }

    /** A group moves as one: each member that is not there yet has to be named, and has to be able to come along. */
    private boolean partsGroup(int i, EndpointDescriptor endpoint, SpaceModel target) {
        for (EndpointDescriptor member : guest.endpoints) {
            boolean concerned = member.group() == endpoint.group() && guest.attached.get(member.endpointId()) != target;
            if (concerned && (!comesAlong(i, endpoint, member, target) || isOccupied(target, member))) {
                return true;
            }
        }
        return false;
    }

    private boolean comesAlong(int i, EndpointDescriptor endpoint, EndpointDescriptor member, SpaceModel target) {
        if (member.endpointId() == endpoint.endpointId()) {
            return true;
        }
        for (CallScript.Operation later : operations.subList(i + 1, operations.size())) {
            if ((int) later.run().bfn() == member.endpointId()
                    && later.run().mfn() == target.context
                    && later.run().flags() == 0) {
                return true;
            }
        }
        return false;
    }

    private static boolean isOccupied(SpaceModel target, EndpointDescriptor member) {
        for (ReservedRegion region : member.reserved()) {
            if (target.isAnyOccupied(region.bfns().first(), region.bfns().last())) {
                return true;
            }
        }
        return false;
    }

    /** What the endpoint's group leaves is flushed first; members that do not move with this element are blocked. */
    private int move(CallScript.Operation operation, EndpointDescriptor endpoint, SpaceModel target) {
        SpaceModel old = spaceThatIsLeft(endpoint, target);
        if (old != null && !flushNested(script, old)) {
            return IommuStatus.EIO;
        }
        if (operation.refusals().explainsOther(operation.status())) {
            refusedMoves++;
            return operation.status();
        }
        for (EndpointDescriptor member : guest.endpoints) {
            if (member.group() == endpoint.group() && guest.attached.get(member.endpointId()) != target) {
                guest.attached.remove(member.endpointId());
            }
        }
        guest.attached.put(endpoint.endpointId(), target);
        return IommuStatus.OK;
    }

    private @Nullable SpaceModel spaceThatIsLeft(EndpointDescriptor endpoint, SpaceModel target) {
        for (EndpointDescriptor member : guest.endpoints) {
            SpaceModel space = guest.attached.get(member.endpointId());
            if (member.group() == endpoint.group() && space != null && space != target) {
                return space;
            }
        }
        return null;
    }
}
