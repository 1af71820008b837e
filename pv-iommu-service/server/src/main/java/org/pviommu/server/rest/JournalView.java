package org.pviommu.server.rest;

import io.micronaut.serde.annotation.Serdeable;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The journal and how it is doing.
 *
 * @param state running; disk_full: only removals are recorded, and nothing else happens; failed: nothing is, until the service is
 *     started again; closed; off: the service runs without one
 * @param failure why it failed; otherwise null
 * @param firstSequence the first record that it still has
 * @param lastSequence the last record; survives the death of the process from then on
 * @param writtenSequence the last one in the queue files
 * @param syncedSequence the last one on the disk; survives the loss of power, too
 * @param ringBytes size of the ring between guests and disk
 * @param ringOccupiedBytes what of it is in use or promised
 * @param ringPeakBytes the most of it that was in use
 * @param highWaterBytes above this only removals get in
 * @param segments how many queue files
 * @param bytes how long they are
 * @param waits calls that had to wait for the disk
 * @param refusals calls that were refused for lack of room
 * @param lostFaults refused DMA accesses that found no room
 * @param foundAs how the start found it: fresh, clean or crashed
 * @param drainedRecords how many records that start has saved from the ring of a process that died
 * @param waiting guests that were there before this start and have not come back
 */
@Serdeable
public record JournalView(
        String state,
        @Nullable String failure,
        long firstSequence,
        long lastSequence,
        long writtenSequence,
        long syncedSequence,
        long ringBytes,
        long ringOccupiedBytes,
        long ringPeakBytes,
        long highWaterBytes,
        int segments,
        long bytes,
        long waits,
        long refusals,
        long lostFaults,
        String foundAs,
        long drainedRecords,
        List<Long> waiting) {}
