package org.pviommu.server.rest;

import io.micronaut.serde.annotation.Serdeable;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What happened to a DMA. Refused pages are data, not an error of the request.
 *
 * @param op read or write
 * @param endpoint the device
 * @param iova bus address, hex
 * @param lengthBytes bytes asked for
 * @param movedBytes bytes moved before the first refused page
 * @param data what was read, hex; null for a write
 * @param faults refused pages
 */
@Serdeable
public record DmaResult(
        String op,
        String endpoint,
        String iova,
        long lengthBytes,
        long movedBytes,
        @Nullable String data,
        List<FaultView> faults) {}
