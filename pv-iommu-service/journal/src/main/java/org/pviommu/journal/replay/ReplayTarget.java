package org.pviommu.journal.replay;

import java.util.List;
import org.pviommu.journal.record.JournalRecord;

/** What a journal is replayed on: the engine, or a model of it. */
interface ReplayTarget extends AutoCloseable {

    /** The service started: guests of before stay, nothing is owed any more. */
    void serviceStarted(JournalRecord.ServiceStart start);

    /**
     * Does once more what a guest did in one call.
     *
     * @param call its records, in order; the last one ends the call
     * @return whether it was compared; false when it is not known what the guest has done
     * @throws DifferenceException when it comes out another way
     */
    boolean run(List<PendingRecord> call);

    /**
     * Does once more what was recorded of a call that the death of the service cut off.
     *
     * @param call its records, none of which ends it
     */
    void runCutOff(List<PendingRecord> call);

    /** The mappings of all guests as they are now. */
    List<MappedRun> mappings();

    /** The mappings of all domains of virtio-iommu devices as they are now. */
    List<MappedRange> domainMappings();

    /** The digest of each guest that is there and of which all is known, in the order of their numbers. */
    List<GuestDigest> digests();

    /** Guests that cannot be compared now, because the journal does not say all that they did. */
    List<Integer> unknownGuests();

    @Override
    void close();
}
