package org.pviommu.journal.replay;

import java.util.List;
import org.pviommu.abi.IommuOp;
import org.pviommu.engine.SliceRecord;
import org.pviommu.journal.record.JournalRecord;

/** What all calls of the model have in common: operations with their statuses, which records are compared with. */
class ModelCall {
    final GuestModel guest;
    final CallScript script;
    final int subOp;

    List<CallScript.Operation> operations = List.of();
    int[] statuses = {};
    long[] nrDone = {};
    /** Operations of the slice before this one were compared already. */
    int recorded;

    ModelCall(GuestModel guest, CallScript script, int subOp) {
        this.guest = guest;
        this.script = script;
        this.subOp = subOp;
    }

    void startSlice() {
        operations = script.nextSlice(subOp);
        statuses = new int[operations.size()];
        nrDone = new long[operations.size()];
        recorded = 0;
    }

    /** Compares the record that is next, which tells of the operations up to {@code end}, and passes it. */
    void compareRecord(JournalRecord.Slice record, int end) {
        if (record.operations() != end - recorded) {
            throw script.differs(
                    "expected operations=" + record.operations() + ", got operations=" + (end - recorded),
                    "operations=" + (end - recorded));
        }
        for (int i = recorded; i < end; i++) {
            script.compare(operations.get(i), i - recorded, statuses[i], nrDone[i]);
        }
        script.compareState();
        recorded = end;
        script.pass();
    }

    /** A flush of another address space in the middle of something; false when it failed. */
    static boolean flushNested(CallScript script, SpaceModel space) {
        if (!space.needsFlush()) {
            return true;
        }
        JournalRecord.Slice record = script.expectSlice(IommuOp.FLUSH, space.context, "a flush of what is owed there");
        if (record.part() != SliceRecord.Part.NESTED) {
            throw script.differs("expected " + record.part() + ", got a flush within a call", "NESTED");
        }
        return flush(script, space, record);
    }

    /** The flush that {@code record}, which is next, tells of. */
    static boolean flush(CallScript script, SpaceModel space, JournalRecord.Slice record) {
        script.compareFlush(record, space.needsFlush());
        script.compareState();
        script.pass();
        boolean done = record.flush() == SliceRecord.Flush.DONE;
        if (done) {
            space.flushed();
        }
        return done;
    }
}
