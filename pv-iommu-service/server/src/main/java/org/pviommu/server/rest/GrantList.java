package org.pviommu.server.rest;

import io.micronaut.serde.annotation.Serdeable;
import java.util.List;

/**
 * All grants, by grantee and frame.
 *
 * @param grants the grants
 */
@Serdeable
public record GrantList(List<GrantView> grants) {}
