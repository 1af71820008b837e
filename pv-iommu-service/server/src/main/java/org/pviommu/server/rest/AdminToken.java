package org.pviommu.server.rest;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import org.jspecify.annotations.Nullable;

/** The secret of the run directory, and the only place that compares it. */
public final class AdminToken {
    private static final String SCHEME = "Bearer ";

    private final byte[] expected;

    /** The token as it stands in the run directory. */
    public AdminToken(String token) {
        expected = (SCHEME + token).getBytes(StandardCharsets.UTF_8);
    }

    /** Whether an Authorization header carries the token. The time does not depend on where the first difference is. */
    boolean isIn(@Nullable String authorization) {
        return authorization != null && MessageDigest.isEqual(expected, authorization.getBytes(StandardCharsets.UTF_8));
    }
}
