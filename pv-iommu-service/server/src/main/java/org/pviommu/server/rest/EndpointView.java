package org.pviommu.server.rest;

import io.micronaut.serde.annotation.Serdeable;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A device that can do DMA.
 *
 * @param id PCI address: segment:bus:device.function
 * @param guest owner
 * @param context address space it is attached to; missing while it is blocked
 * @param reserved its reserved bus frames
 */
@Serdeable
public record EndpointView(String id, long guest, @Nullable Integer context, List<ReservedView> reserved) {}
