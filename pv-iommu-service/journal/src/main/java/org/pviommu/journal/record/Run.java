package org.pviommu.journal.record;

/**
 * Elements of a slice that continue one another: {@code count} operations on consecutive bfns, and consecutive mfns where they
 * map, with one outcome. Elements of range and context operations stand alone.
 *
 * @param count how many elements
 * @param kind sub-operation of the elements
 * @param bfn first bus frame; attach_device: the endpoint
 * @param mfn first frame of a map; contexts: the context number
 * @param flags flags of a map or an attach
 * @param pages nr_pages of a range
 * @param nrDone nr_done of a range
 * @param status of each element, 0 or negative
 */
public record Run(int count, int kind, long bfn, long mfn, int flags, long pages, long nrDone, int status) {}
