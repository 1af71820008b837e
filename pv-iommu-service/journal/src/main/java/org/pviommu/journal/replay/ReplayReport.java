package org.pviommu.journal.replay;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * How a replay went.
 *
 * @param records how many were read
 * @param operations how many operations they had
 * @param lastSequence the last record that was read
 * @param openCalls guests in the middle of a call there
 * @param recordsNotCompared records of guests at a time when not all of what they had done was known
 * @param guests the state that was reached, of those of which it is known
 * @param unknownGuests the others
 * @param difference the first one, or null when all was as recorded
 */
public record ReplayReport(
        long records,
        long operations,
        long lastSequence,
        long openCalls,
        long recordsNotCompared,
        List<GuestDigest> guests,
        List<Integer> unknownGuests,
        @Nullable Difference difference) {}
