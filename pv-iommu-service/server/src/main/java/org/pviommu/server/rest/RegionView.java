package org.pviommu.server.rest;

import io.micronaut.serde.annotation.Serdeable;

/**
 * Memory of a guest; inclusive range.
 *
 * @param firstMfn first frame, hex
 * @param lastMfn last frame, hex
 * @param pages how many
 * @param granted false: the guest registered it; true: another guest granted it
 */
@Serdeable
public record RegionView(String firstMfn, String lastMfn, long pages, boolean granted) {}
