package org.pviommu.server.trace;

import java.util.Map;

/**
 * What came of a trace.
 *
 * @param requests how many were sent
 * @param statuses how often each status was answered, by its name; only those that were
 * @param nsPerRequest time in the device, 0 without requests
 * @param liveMappings mappings at the end
 * @param digest of the mappings at the end
 * @param unparsedLines how many lines could not be read
 * @param firstUnparsed the first of them and what is wrong, empty when there is none
 * @param difference how device and model differ where they did first, empty when they never did
 */
public record TraceResult(
        long requests,
        Map<String, Long> statuses,
        long nsPerRequest,
        long liveMappings,
        long digest,
        long unparsedLines,
        String firstUnparsed,
        String difference) {

    /** Whether all is as it has to be: there were requests, all were read, all were answered OK, and what is mapped is right. */
    public boolean good() {
        boolean allOk = statuses.keySet().stream().allMatch(TraceRun.OK::equals);
        return requests > 0 && unparsedLines == 0 && allOk && difference.isEmpty();
    }
}
