package org.pviommu.server.rest;

import io.micronaut.serde.annotation.Serdeable;
import org.jspecify.annotations.Nullable;

/**
 * A grant that shall be taken back.
 *
 * @param grantee id of the guest that has it
 * @param granteeFirstMfn its first frame, by the grantee's numbers, hex with 0x or decimal
 * @param force true: what the grantee has mapped is unmapped and flushed as well; false unless told
 */
@Serdeable
public record RevokeRequest(
        @Nullable Integer grantee,
        @Nullable String granteeFirstMfn,
        @Nullable Boolean force) {}
