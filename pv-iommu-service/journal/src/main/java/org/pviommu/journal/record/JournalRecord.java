package org.pviommu.journal.record;

import java.util.List;
import org.pviommu.engine.Change;
import org.pviommu.engine.SliceRecord;

/** A record as a value. */
public sealed interface JournalRecord {

    /** A record that speaks about one guest. */
    sealed interface OfGuest extends JournalRecord {
        /** The guest's number. */
        int guestId();

        /** The guest after it. */
        GuestState state();

        /** What came from outside since the guest's record before. */
        List<OutsideEvent> events();

        /** Whether there were more events than are kept, so that it cannot be replayed exactly. */
        boolean incomplete();

        /** Whether nothing of what the guest was doing follows. */
        boolean endOfCall();

        /** Who asked, when it was not the guest itself; otherwise empty. */
        String by();
    }

    /** Takes the place of a record that was never finished. */
    record Unfinished() implements JournalRecord {}

    /**
     * The service started. Guests of before are there, blocked.
     *
     * @param lastBfn the host IOMMU's aperture
     * @param cutsMappings whether the host IOMMU can take a page out of a larger mapping
     * @param version of the program
     */
    record ServiceStart(long lastBfn, boolean cutsMappings, String version) implements JournalRecord {}

    /** The service stopped in good order. */
    record ServiceStop() implements JournalRecord {}

    /**
     * A slice of a batch with its outcome, or a flush.
     *
     * @param subOp sub-operation of the call
     * @param part how it belongs to its call
     * @param runs its elements; none when it only reports a flush or an end
     */
    record Slice(
            int guestId,
            int context,
            int subOp,
            SliceRecord.Part part,
            boolean deferred,
            boolean roomForMaps,
            boolean roomForRemovals,
            SliceRecord.Flush flush,
            List<Run> runs,
            GuestState state,
            List<OutsideEvent> events,
            boolean incomplete,
            String by)
            implements OfGuest {

        @Override
        public boolean endOfCall() {
            return part.compareTo(SliceRecord.Part.CALL_END) >= 0;
        }

        /** How many elements. */
        public int operations() {
            int operations = 0;
            for (int i = 0; i < runs.size(); i++) {
                operations += runs.get(i).count();
            }
            return operations;
        }
    }

    /**
     * A batch of requests to a virtio-iommu device, with its outcome.
     *
     * @param requests none when it only reports a flush
     * @param flush whether a flush ended it, and how
     */
    record Domains(
            int guestId,
            List<DomainRequest> requests,
            boolean roomForMaps,
            boolean roomForRemovals,
            SliceRecord.Flush flush,
            GuestState state,
            List<OutsideEvent> events,
            boolean incomplete,
            String by)
            implements OfGuest {

        @Override
        public boolean endOfCall() {
            return true;
        }
    }

    /** A change that is not a slice. */
    record GuestChange(
            int guestId,
            Change change,
            boolean endOfCall,
            GuestState state,
            List<OutsideEvent> events,
            boolean incomplete,
            String by)
            implements OfGuest {}

    /**
     * The host IOMMU refused an access of a device.
     *
     * @param endpoint the device
     * @param iovaBytes the bus address
     * @param write whether it wanted to write
     */
    record Fault(int endpoint, long iovaBytes, boolean write) implements JournalRecord {}
}
