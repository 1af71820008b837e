package org.pviommu.server.rest;

import io.micronaut.serde.annotation.Serdeable;

/**
 * Counters of one guest, or of all guests that are connected.
 *
 * @param calls hypercalls
 * @param operations array elements
 * @param maps successful map operations
 * @param unmaps successful unmap operations
 * @param failures operations with a negative status
 * @param flushes IOTLB flushes
 * @param earlyFlushes flushes before the end of a batch, at the bound on held frames
 * @param flushFailures flushes the host did not complete
 * @param mappedFrames pages mapped now
 * @param heldFrames removed frames that wait for a flush
 * @param tablePages 4 KiB pages of tables
 * @param registeredFrames frames of registered memory
 */
@Serdeable
public record GuestCounters(
        long calls,
        long operations,
        long maps,
        long unmaps,
        long failures,
        long flushes,
        long earlyFlushes,
        long flushFailures,
        long mappedFrames,
        long heldFrames,
        long tablePages,
        long registeredFrames) {}
