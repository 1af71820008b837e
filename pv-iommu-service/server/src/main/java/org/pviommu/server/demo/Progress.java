package org.pviommu.server.demo;

import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/** Says how far a long step is, at most once in five seconds. */
final class Progress {
    private static final long INTERVAL_NS = TimeUnit.SECONDS.toNanos(5);

    private final Consumer<String> out;
    private long lastNs = System.nanoTime();

    Progress(Consumer<String> out) {
        this.out = out;
    }

    void tick(String state) {
        long nowNs = System.nanoTime();
        if (nowNs - lastNs >= INTERVAL_NS) {
            lastNs = nowNs;
            out.accept(state);
        }
    }
}
