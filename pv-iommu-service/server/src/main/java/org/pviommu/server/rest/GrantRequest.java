package org.pviommu.server.rest;

import io.micronaut.serde.annotation.Serdeable;
import org.jspecify.annotations.Nullable;

/**
 * Frames that a guest shall give to another one.
 *
 * @param firstMfn first frame, by the owner's numbers, hex with 0x or decimal
 * @param pages how many frames, at least 1, all in one region of the owner
 * @param grantee id of the guest that may map them
 * @param granteeFirstMfn first frame, by the grantee's numbers, hex with 0x or decimal
 * @param access {@code rw}, or {@code r-} for readable only
 */
@Serdeable
public record GrantRequest(
        @Nullable String firstMfn,
        @Nullable Long pages,
        @Nullable Integer grantee,
        @Nullable String granteeFirstMfn,
        @Nullable String access) {}
