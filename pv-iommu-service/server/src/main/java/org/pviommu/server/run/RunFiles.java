package org.pviommu.server.run;

/** Names of the files in a run directory. */
public final class RunFiles {
    /** What a client sends as {@code Authorization: Bearer}, 0600. */
    public static final String TOKEN = "token";
    /** Process id of the service, decimal. */
    public static final String PID = "pid";
    /** JSON with {@code http}, {@code socket}, {@code ring} and {@code pid}; exists while the service answers. */
    public static final String READY = "ready";
    /** HTTP over a Unix socket. */
    public static final String API_SOCKET = "api.sock";
    /** The journal, unless configured elsewhere: a directory. */
    public static final String JOURNAL = "journal";
    /** Where guests connect, unless configured elsewhere. */
    public static final String RING_SOCKET = "ring.sock";

    private RunFiles() {}
}
