package org.pviommu.server.rest;

import io.micronaut.serde.annotation.Serdeable;

/**
 * Bus frames of an endpoint that nobody may map; inclusive range.
 *
 * @param firstBfn first bus frame, hex
 * @param lastBfn last bus frame, hex
 * @param kind reserved, msi or identity
 */
@Serdeable
public record ReservedView(String firstBfn, String lastBfn, String kind) {}
