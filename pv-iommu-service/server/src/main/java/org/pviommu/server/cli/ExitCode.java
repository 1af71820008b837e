package org.pviommu.server.cli;

/** What the process tells its caller. */
public final class ExitCode {
    /** Done. */
    public static final int DONE = 0;
    /** The service, or a check of the demonstration, said no. */
    public static final int REFUSED = 1;
    /** The command line or the configuration is wrong. */
    public static final int USAGE = 2;
    /** There is no service to talk to. */
    public static final int UNREACHABLE = 3;

    private ExitCode() {}
}
