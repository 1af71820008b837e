package org.pviommu.server.records;

import io.micronaut.serde.annotation.Serdeable;
import org.jspecify.annotations.Nullable;

/**
 * Operations of a record that continue one another and had one outcome.
 *
 * @param operation what they are, like map_page
 * @param count how many operations
 * @param bfn first bus frame, hex; null for contexts and devices
 * @param mfn first frame of a map, hex; otherwise null
 * @param access rw, r- or the flags in hex; null where nothing is mapped
 * @param pages asked for by a range, hex, because a guest may ask for anything; otherwise null
 * @param pagesDone of a range; otherwise null
 * @param endpoint the device that is attached, like 0000:01:00.0; otherwise null
 * @param context the address space that is made, removed or attached to; otherwise null
 * @param status of each, 0 or negative
 * @param statusName its name
 */
@Serdeable
public record RunView(
        String operation,
        int count,
        @Nullable String bfn,
        @Nullable String mfn,
        @Nullable String access,
        @Nullable String pages,
        @Nullable Long pagesDone,
        @Nullable String endpoint,
        @Nullable Long context,
        int status,
        String statusName) {}
