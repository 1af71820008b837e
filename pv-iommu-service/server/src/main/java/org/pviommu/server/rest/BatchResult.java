package org.pviommu.server.rest;

import io.micronaut.serde.annotation.Serdeable;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What became of a batch. Operations that failed are data, not an error of the request.
 *
 * @param guest guest id
 * @param context address space
 * @param failed operations with another status than 0
 * @param complete false: the flush failed, or the journal had no room for all; the statuses say for which operations
 * @param operations in the order of the request
 * @param journalIndex the journal's last record when the batch was done; null when nothing is recorded
 */
@Serdeable
public record BatchResult(
        long guest,
        int context,
        int failed,
        boolean complete,
        List<OperationOutcome> operations,
        @Nullable Long journalIndex) {}
