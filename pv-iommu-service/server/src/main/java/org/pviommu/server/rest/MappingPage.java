package org.pviommu.server.rest;

import io.micronaut.serde.annotation.Serdeable;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Part of an address space's mappings, in ascending order.
 *
 * @param guest guest id
 * @param context context number
 * @param mappings the runs
 * @param next where the next part is; null at the end
 */
@Serdeable
public record MappingPage(
        long guest,
        int context,
        List<MappingView> mappings,
        @Nullable String next) {}
