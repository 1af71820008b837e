package org.pviommu.server.records;

import io.micronaut.serde.annotation.Serdeable;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A record of the journal.
 *
 * @param sequence its number; numbers have no gaps
 * @param time when it was made, ISO 8601, UTC
 * @param kind service_start, service_stop, slice, change, fault or unfinished
 * @param guest whose, or null
 * @param context address space of a slice; otherwise null
 * @param operation sub-operation of a slice's call; otherwise null
 * @param operations how many of them; null for others than slices
 * @param part how a slice belongs to its call; null for others
 * @param flush none, done or failed; null for others than slices
 * @param deferred whether the guest flushes later; null for others than slices
 * @param runs operations of a slice; in lists not more than the first 16
 * @param moreRuns how many runs are left out
 * @param digest of the guest's mappings after it, hex; null when it is of no guest
 * @param mappedPages of the guest after it; null when it is of no guest
 * @param heldFrames that wait for a flush; null when it is of no guest
 * @param by who asked, when it was not the guest; otherwise null
 * @param text all of it in words
 */
@Serdeable
public record RecordView(
        long sequence,
        String time,
        String kind,
        @Nullable Long guest,
        @Nullable Integer context,
        @Nullable String operation,
        @Nullable Integer operations,
        @Nullable String part,
        @Nullable String flush,
        @Nullable Boolean deferred,
        List<RunView> runs,
        int moreRuns,
        @Nullable String digest,
        @Nullable Long mappedPages,
        @Nullable Long heldFrames,
        @Nullable String by,
        String text) {}
