package org.pviommu.journal.store;

/**
 * A queue file that nobody will write any more.
 *
 * @param name its name in the journal's directory
 * @param firstSequence its first record
 * @param lastSequence its last record, not before the first
 * @param lastTimeMillis that record's time
 * @param chainCrc that record's CRC
 * @param lengthBytes how long the file is
 * @param fileCrc the CRC32C of the whole file
 */
record SealedSegment(
        String name,
        long firstSequence,
        long lastSequence,
        long lastTimeMillis,
        int chainCrc,
        long lengthBytes,
        int fileCrc) {}
