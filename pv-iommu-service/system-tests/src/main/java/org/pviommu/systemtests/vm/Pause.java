package org.pviommu.systemtests.vm;

/** Waiting, for programs without anything to clean up when they are interrupted. */
final class Pause {
    private Pause() {}

    static void milliseconds(long timeMs) {
        try {
            Thread.sleep(timeMs);
        } catch (InterruptedException ended) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted", ended);
        }
    }
}
