package org.pviommu.server.cli;

/** A command that cannot go on: what to tell the user, and with which {@link ExitCode} to end. */
public final class CommandException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final int exitCode;

    private CommandException(int exitCode, String message) {
        super(message);
        this.exitCode = exitCode;
    }

    /** The service answered, and refused. */
    public static CommandException refused(String message) {
        return new CommandException(ExitCode.REFUSED, message);
    }

    /** The command cannot be understood. */
    public static CommandException usage(String message) {
        return new CommandException(ExitCode.USAGE, message);
    }

    /** Nobody answers. */
    public static CommandException unreachable(String message) {
        return new CommandException(ExitCode.UNREACHABLE, message);
    }

    /** How the process ends. */
    public int exitCode() {
        return exitCode;
    }
}
