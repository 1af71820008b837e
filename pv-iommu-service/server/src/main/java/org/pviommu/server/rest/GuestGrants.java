package org.pviommu.server.rest;

import io.micronaut.serde.annotation.Serdeable;
import java.util.List;

/**
 * Grants of one guest.
 *
 * @param guest guest id
 * @param given those of its frames that others may map
 * @param received frames of others that it may map
 */
@Serdeable
public record GuestGrants(long guest, List<GrantView> given, List<GrantView> received) {}
