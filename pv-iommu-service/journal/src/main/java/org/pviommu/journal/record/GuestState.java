package org.pviommu.journal.record;

/**
 * What a record says of its guest's state after it: enough to notice that another state was reached.
 *
 * @param digest of all live mappings, see {@link org.pviommu.engine.Guest#digest}
 * @param mappedPages how many there are
 * @param heldFrames frames that wait for a flush; those that this record's flush covers are counted still, because they are let go after it
 */
public record GuestState(long digest, long mappedPages, long heldFrames) {
    @Override
    public String toString() {
        return "digest=" + Long.toHexString(digest) + " mapped=" + mappedPages + " held=" + heldFrames;
    }
}
