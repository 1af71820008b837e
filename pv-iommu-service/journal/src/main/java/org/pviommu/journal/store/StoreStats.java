package org.pviommu.journal.store;

/**
 * Figures of a journal that is being written, for metrics.
 *
 * @param state whether it takes records
 * @param failure why not, when it failed; otherwise empty
 * @param ringBytes size of the ring
 * @param ringOccupiedBytes what is in it, plus what is promised
 * @param ringPeakBytes the most of it that was ever seen occupied by a reservation
 * @param highWaterBytes above this only removals get in
 * @param lastSequence the last record appended
 * @param writtenSequence the last record in the queue
 * @param syncedSequence the last record on the disk
 * @param waits reservations that had to wait for the writer
 * @param refusals reservations that were refused
 * @param lost records that were not worth a reservation and found no room
 * @param readBackDelays how often the queue did not show a record at once
 * @param segments how many queue files there are
 * @param bytes how long they are together
 */
public record StoreStats(
        StoreState state,
        String failure,
        long ringBytes,
        long ringOccupiedBytes,
        long ringPeakBytes,
        long highWaterBytes,
        long lastSequence,
        long writtenSequence,
        long syncedSequence,
        long waits,
        long refusals,
        long lost,
        long readBackDelays,
        int segments,
        long bytes) {}
