package org.pviommu.server.trace;

/** One line of a trace. Ranges are inclusive, unsigned. */
sealed interface TraceLine {
    /** What a driver sends. */
    sealed interface Request extends TraceLine {}

    /** PROBE. */
    record Probe(int endpoint) implements Request {}

    /** ATTACH. */
    record Attach(int domain, int endpoint, int flags) implements Request {
        private static final int BYPASS = 1;

        boolean bypass() {
            return (flags & BYPASS) != 0;
        }
    }

    /** DETACH. */
    record Detach(int domain, int endpoint) implements Request {}

    /** MAP; {@code flags} as in the request. */
    record Map(int domain, long first, long last, long target, int flags) implements Request {}

    /** UNMAP. */
    record Unmap(int domain, long first, long last) implements Request {}

    /** The last {@code requests} came with one notification. */
    record Kick(int requests) implements TraceLine {}

    /** Another machine begins, whose device is new. */
    record Section(String name) implements TraceLine {}

    /** Nothing: a comment, or an empty line. */
    record Nothing() implements TraceLine {}
}
