package org.pviommu.journal.store;

import org.jspecify.annotations.Nullable;

/**
 * What is in a journal, and whether it is what was written.
 *
 * @param damage the first damage; null when there is none
 * @param records how many records were good
 * @param bytes how long the files with them are
 * @param firstSequence the first record that should be there
 * @param lastSequence the last good record
 * @param highWater the last record that is known to have been on the disk
 * @param unsealed the segment that is being written, or was when its process died; empty after an orderly close
 * @param tornTail what a crash left behind the last record; empty when nothing. No damage: nobody was told that it was there
 */
public record VerifyReport(
        @Nullable Damage damage,
        long records,
        long bytes,
        long firstSequence,
        long lastSequence,
        long highWater,
        String unsealed,
        String tornTail) {

    /**
     * One damage.
     *
     * @param file the file with it
     * @param sequence the first record that cannot be trusted; 0 when it is not about a record
     * @param what what was found
     */
    public record Damage(String file, long sequence, String what) {}

    /** Whether everything that should be there is there. */
    public boolean ok() {
        return damage == null;
    }
}
