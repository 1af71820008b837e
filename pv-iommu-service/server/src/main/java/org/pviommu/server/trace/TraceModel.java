package org.pviommu.server.trace;

import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What should be mapped, kept in the most naive way and without a look at the engine. It does what a driver believes: every
 * request succeeds, and an UNMAP removes all that lies in its range.
 */
final class TraceModel {
    private final Map<Integer, Integer> domainOf = new HashMap<>();
    private final Set<LiveMapping> mappings = new HashSet<>();

    void apply(TraceLine.Request request) {
        switch (request) {
            case TraceLine.Probe probe -> {}
            case TraceLine.Attach attach -> move(attach.endpoint(), attach.domain());
            case TraceLine.Detach detach -> move(detach.endpoint(), null);
            case TraceLine.Map map ->
                mappings.add(new LiveMapping(map.domain(), map.first(), map.last(), map.target(), map.flags()));
            case TraceLine.Unmap unmap -> mappings.removeIf(each -> covers(unmap, each));
        }
    }

    private static boolean covers(TraceLine.Unmap unmap, LiveMapping mapping) {
        return mapping.domain() == unmap.domain()
                && Long.compareUnsigned(unmap.first(), mapping.first()) <= 0
                && Long.compareUnsigned(mapping.last(), unmap.last()) <= 0;
    }

    /** A domain that has lost its last endpoint is gone, and its mappings with it. */
    private void move(int endpoint, @Nullable Integer to) {
        Integer from = to == null ? domainOf.remove(endpoint) : domainOf.put(endpoint, to);
        if (from != null && !domainOf.containsValue(from)) {
            mappings.removeIf(each -> each.domain() == from);
        }
    }

    Set<LiveMapping> mappings() {
        return mappings;
    }

    void reset() {
        domainOf.clear();
        mappings.clear();
    }
}
