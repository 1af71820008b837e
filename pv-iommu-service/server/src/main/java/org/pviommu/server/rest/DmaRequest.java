package org.pviommu.server.rest;

import io.micronaut.serde.annotation.Serdeable;
import org.jspecify.annotations.Nullable;

/**
 * A DMA that a simulated device shall do.
 *
 * @param op {@code read} or {@code write}
 * @param iova bus address in bytes, hex with 0x or decimal
 * @param length bytes to read, 1 to 65536; only for read
 * @param data bytes to write in hex, 1 to 28672 of them; only for write
 */
@Serdeable
public record DmaRequest(
        @Nullable String op,
        @Nullable String iova,
        @Nullable Integer length,
        @Nullable String data) {}
