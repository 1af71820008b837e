package org.pviommu.server.records;

import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.pviommu.abi.IommuOp;
import org.pviommu.abi.IommuStatus;
import org.pviommu.engine.Access;
import org.pviommu.engine.Change;
import org.pviommu.engine.SliceRecord;
import org.pviommu.journal.record.JournalRecord;
import org.pviommu.journal.record.Run;
import org.pviommu.journal.replay.Describe;
import org.pviommu.server.Text;

/**
 * What the records of a journal say about one bus frame of one address space: the operations on it, refused ones included, and
 * what happens to all frames of that address space at once.
 */
public final class Touches {
    private final int guest;
    private final int context;
    private final long bfn;
    private final BfnRange only;

    /** About one bus frame. */
    public Touches(int guest, int context, long bfn) {
        this.guest = guest;
        this.context = context;
        this.bfn = bfn;
        this.only = new BfnRange(bfn, bfn);
    }

    /** What one record has to say about it, in order. */
    public List<Touch> of(long sequence, long timeMillis, JournalRecord record) {
        String time = Instant.ofEpochMilli(timeMillis).toString();
        return switch (record) {
            case JournalRecord.ServiceStart start ->
                List.of(new Touch(sequence, time, null, Describe.record(start), null, null));
            case JournalRecord.Slice slice -> slice.guestId() == guest ? ofSlice(sequence, time, slice) : List.of();
            case JournalRecord.GuestChange change -> ofChange(sequence, time, change);
            default -> List.of();
        };
    }

    private List<Touch> ofChange(long sequence, String time, JournalRecord.GuestChange change) {
        if (change.guestId() != guest || !concernsMappings(change.change())) {
            return List.of();
        }
        return List.of(new Touch(sequence, time, null, "guest " + Describe.change(change.change()), null, by(change)));
    }

    private static @Nullable String by(JournalRecord.OfGuest record) {
        return record.by().isEmpty() ? null : record.by();
    }

    /** Changes after which other pages may be mapped than before. */
    private static boolean concernsMappings(Change change) {
        return switch (change) {
            case Change.GuestAdded it -> true;
            case Change.GuestRemoved it -> true;
            case Change.GuestReturned it -> true;
            case Change.GrantRevoked revoked -> revoked.force();
            default -> false;
        };
    }

    private List<Touch> ofSlice(long sequence, String time, JournalRecord.Slice slice) {
        List<Touch> touches = new ArrayList<>();
        int operation = 0;
        for (Run run : slice.runs()) {
            if (RecordViews.hasBfns(run) && slice.context() == context && only.meets(run)) {
                int within = isRange(run) ? 0 : (int) (bfn - run.bfn());
                touches.add(touch(sequence, time, operation + within, what(run, within), run, slice));
            } else if (run.kind() != IommuOp.ATTACH_DEVICE && !RecordViews.hasBfns(run) && run.mfn() == context) {
                touches.add(touch(sequence, time, operation, IommuOp.name(run.kind()), run, slice));
            }
            operation += run.count();
        }
        if (slice.flush() == SliceRecord.Flush.FAILED && slice.context() == context) {
            String failed = "the flush failed: what was removed and not flushed stays owed, its status is EIO";
            touches.add(new Touch(sequence, time, null, failed, null, by(slice)));
        }
        return touches;
    }

    private static Touch touch(
            long sequence, String time, int operation, String what, Run run, JournalRecord.Slice slice) {
        return new Touch(sequence, time, operation, what, IommuStatus.name(run.status()), by(slice));
    }

    private static boolean isRange(Run run) {
        return run.kind() == IommuOp.MAP_RANGE || run.kind() == IommuOp.UNMAP_RANGE;
    }

    private String what(Run run, int within) {
        String name = IommuOp.name(run.kind());
        if (isRange(run)) {
            boolean reached = Long.compareUnsigned(bfn - run.bfn(), run.nrDone()) < 0;
            return name + " of pages=" + Long.toUnsignedString(run.pages()) + " from bfn " + Text.hex(run.bfn())
                    + (run.kind() == IommuOp.MAP_RANGE ? leadsTo(run, bfn - run.bfn()) : "")
                    + (reached ? "" : ", which did not come to it, nr_done=" + run.nrDone());
        }
        return name + (run.kind() == IommuOp.UNMAP_PAGE ? "" : leadsTo(run, within));
    }

    private static String leadsTo(Run run, long within) {
        boolean known = (run.flags() & ~Access.READ_WRITE) == 0;
        return " -> mfn " + Text.hex(run.mfn() + within) + " "
                + (known ? Access.name(run.flags()) : "flags=" + Text.hex(run.flags() & 0xffff_ffffL));
    }
}
