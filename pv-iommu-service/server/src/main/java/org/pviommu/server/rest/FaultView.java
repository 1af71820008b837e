package org.pviommu.server.rest;

import io.micronaut.serde.annotation.Serdeable;

/**
 * A DMA access that was refused.
 *
 * @param sequence counts all faults since the start
 * @param endpoint the device
 * @param iova bus address, hex
 * @param access read or write
 */
@Serdeable
public record FaultView(long sequence, String endpoint, String iova, String access) {}
