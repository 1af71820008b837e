package org.pviommu.server.rest;

import io.micronaut.serde.annotation.Serdeable;
import java.util.List;

/**
 * A guest that is connected, or that is waited for after a restart.
 *
 * @param id guest id
 * @param state running; leaving: its connection is gone, and something of it cannot be let go yet; waiting: it was there when the
 *     service stopped or died, and has not come back
 * @param enabled false: its calls return -ENOSYS
 * @param permitted false: its calls return -EPERM
 * @param regions its memory
 * @param endpoints its devices
 * @param digest of all of its mappings, hex; the same mappings have the same digest
 * @param counters what it did and holds
 */
@Serdeable
public record GuestView(
        long id,
        String state,
        boolean enabled,
        boolean permitted,
        List<RegionView> regions,
        List<String> endpoints,
        String digest,
        GuestCounters counters) {}
