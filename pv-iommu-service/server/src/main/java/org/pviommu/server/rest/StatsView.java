package org.pviommu.server.rest;

import io.micronaut.serde.annotation.Serdeable;
import java.util.List;

/**
 * Counters of the service.
 *
 * @param uptimeSeconds since the start
 * @param backend host IOMMU in use
 * @param guests connected now
 * @param totals sum over connected guests
 * @param faults refused DMA accesses since the start
 * @param recentFaults newest first
 */
@Serdeable
public record StatsView(
        long uptimeSeconds,
        String backend,
        int guests,
        GuestCounters totals,
        long faults,
        List<FaultView> recentFaults) {}
