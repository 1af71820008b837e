package org.pviommu.engine;

/**
 * Counters of one guest since it appeared, and how much it has of what is limited. Each number is exact, but they are
 * read one after the other while the guest goes on.
 *
 * @param calls hypercalls answered
 * @param operations operations that got a status
 * @param maps operations that mapped a page
 * @param unmaps operations that removed a page
 * @param failures operations with another status than 0
 * @param flushes flushes that completed
 * @param earlyFlushes flushes before the end of a call, because the bound on held frames was reached
 * @param flushFailures flushes that failed after retries
 * @param mappedFrames pages that are mapped, which is what counts against the quota; owed ones do not
 * @param heldFrames frames removed whose flush is still owed
 * @param tablePages 4 KiB pages of tables
 * @param registeredFrames frames of registered memory
 */
public record GuestStats(
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
