package org.pviommu.server.rest;

import io.micronaut.serde.annotation.Serdeable;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A batch that shall be applied for a guest, as one call: {@code map} and {@code unmap} in any mix, or only {@code mapRange}, or
 * only {@code unmapRange}.
 *
 * @param context address space; 0 unless told
 * @param operations 1 to 512, applied in order
 * @param defer true: the flush is left to a later call of the guest
 */
@Serdeable
public record BatchRequest(
        @Nullable Integer context,
        @Nullable List<BatchOperation> operations,
        @Nullable Boolean defer) {}
