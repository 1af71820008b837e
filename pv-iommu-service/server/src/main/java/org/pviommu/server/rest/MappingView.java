package org.pviommu.server.rest;

import io.micronaut.serde.annotation.Serdeable;

/**
 * A run: contiguous bus frames that reach contiguous frames with the same access.
 *
 * @param firstBfn first bus frame, hex
 * @param lastBfn last bus frame, hex, inclusive
 * @param firstMfn frame that the first bus frame reaches, hex
 * @param pages length in 4 KiB pages
 * @param access rw or r-
 */
@Serdeable
public record MappingView(String firstBfn, String lastBfn, String firstMfn, long pages, String access) {}
