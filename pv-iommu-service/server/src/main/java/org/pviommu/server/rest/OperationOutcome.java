package org.pviommu.server.rest;

import io.micronaut.serde.annotation.Serdeable;
import org.jspecify.annotations.Nullable;

/**
 * What became of one operation of a batch.
 *
 * @param status 0, or a negative number of the ABI
 * @param name of the status, like OK or EINVAL
 * @param pagesDone how far a range came; null for pages
 */
@Serdeable
public record OperationOutcome(
        int status, String name, @Nullable Long pagesDone) {}
