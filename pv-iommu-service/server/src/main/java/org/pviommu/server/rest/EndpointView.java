package org.pviommu.server.rest;

import io.micronaut.serde.annotation.Serdeable;
import java.util.List;

/**
 * A device that can do DMA.
 *
 * @param id PCI address: segment:bus:device.function
 * @param guest owner
 * @param context address space it is attached to
 * @param reserved its reserved bus frames
 */
@Serdeable
public record EndpointView(String id, long guest, int context, List<ReservedView> reserved) {}
