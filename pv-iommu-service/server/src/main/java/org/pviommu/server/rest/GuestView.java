package org.pviommu.server.rest;

import io.micronaut.serde.annotation.Serdeable;
import java.util.List;

/**
 * A guest that is connected.
 *
 * @param id guest id
 * @param enabled false: its calls return -ENOSYS
 * @param permitted false: its calls return -EPERM
 * @param regions its memory
 * @param endpoints its devices
 * @param counters what it did and holds
 */
@Serdeable
public record GuestView(
        long id,
        boolean enabled,
        boolean permitted,
        List<RegionView> regions,
        List<String> endpoints,
        GuestCounters counters) {}
