package org.pviommu.server.trace;

import java.util.List;

/** The engine as the target of a trace: one guest, without hardware and without a journal. */
public final class EngineTrace {
    private EngineTrace() {}

    /**
     * A target of its own.
     *
     * @param endpoints that its device governs
     */
    public static TraceTarget open(List<Integer> endpoints) {
        throw new UnsupportedOperationException("endpoints=" + endpoints + ": the engine has no domains yet");
    }
}
