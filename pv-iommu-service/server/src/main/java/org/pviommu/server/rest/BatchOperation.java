package org.pviommu.server.rest;

import io.micronaut.serde.annotation.Serdeable;
import org.jspecify.annotations.Nullable;

/**
 * One operation of a batch.
 *
 * @param op {@code map}, {@code unmap}, {@code mapRange} or {@code unmapRange}
 * @param bfn bus frame, or the first one, hex with 0x or decimal
 * @param mfn frame, or the first one, of the guest's memory; for maps
 * @param pages how many; for ranges
 * @param access {@code rw} or {@code r-}; for maps
 */
@Serdeable
public record BatchOperation(
        @Nullable String op,
        @Nullable String bfn,
        @Nullable String mfn,
        @Nullable Long pages,
        @Nullable String access) {}
