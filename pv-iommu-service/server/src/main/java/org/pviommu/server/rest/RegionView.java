package org.pviommu.server.rest;

import io.micronaut.serde.annotation.Serdeable;

/**
 * Memory that a guest registered; inclusive range.
 *
 * @param firstMfn first frame, hex
 * @param lastMfn last frame, hex
 * @param pages how many
 */
@Serdeable
public record RegionView(String firstMfn, String lastMfn, long pages) {}
