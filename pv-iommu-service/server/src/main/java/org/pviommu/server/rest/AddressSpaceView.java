package org.pviommu.server.rest;

import io.micronaut.serde.annotation.Serdeable;
import java.util.List;

/**
 * One translation from bus frames to memory.
 *
 * @param guest guest id
 * @param context context number; 0 is the one every guest has
 * @param mappedPages pages mapped
 * @param owedPages pages removed whose flush is still owed
 * @param lastBfn end of the aperture, hex, inclusive
 * @param endpoints attached devices
 */
@Serdeable
public record AddressSpaceView(
        long guest, int context, long mappedPages, long owedPages, String lastBfn, List<String> endpoints) {}
