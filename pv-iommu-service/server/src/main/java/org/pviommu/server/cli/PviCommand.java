package org.pviommu.server.cli;

import java.io.PrintWriter;
import org.jspecify.annotations.Nullable;
import org.pviommu.journal.record.BadRecordException;
import org.pviommu.journal.store.JournalDamagedException;
import org.pviommu.journal.store.JournalException;
import org.pviommu.server.StartException;
import org.pviommu.server.Version;
import org.pviommu.server.config.ConfigException;
import org.pviommu.server.run.RunDirectoryException;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.HelpCommand;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** The command {@code pvi} itself: shows help, and turns failures into one line and an {@link ExitCode}. */
@Command(
        name = "pvi",
        mixinStandardHelpOptions = true,
        versionProvider = PviCommand.Build.class,
        description = "A user-space PV-IOMMU control service: guests map bus addresses, the service isolates devices.",
        subcommands = {
            HelpCommand.class,
            ServeCommand.class,
            DemoCommand.class,
            DoctorCommand.class,
            GuestCommand.class,
            SpaceCommand.class,
            EndpointCommand.class,
            GrantCommand.class,
            LookupCommand.class,
            TranslateCommand.class,
            DmaCommand.class,
            JournalCommand.class,
            ReplayCommand.class,
            StatsCommand.class,
            TopologyCommand.class,
            TraceCommand.class,
            VersionCommand.class
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  pvi demo                                     show and prove everything, about a minute",
            "  pvi serve --run-dir /tmp/pvi                 start a service",
            "  pvi guest list --run-dir /tmp/pvi            who is connected",
            "  pvi space dump 1 --run-dir /tmp/pvi          what guest 1 has mapped",
            "  pvi dma read 0001:00:01.0 0x1000 16 -o json  let its device read",
            "  pvi journal cat -n 20 --run-dir /tmp/pvi     what happened last; also after the service has stopped",
            "  pvi replay --run-dir /tmp/pvi                run the journal again and compare",
            "",
            "Exit codes: 0 done, 1 refused by the service, 2 usage, 3 no service reachable."
        })
public final class PviCommand implements Runnable {
    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it before the command runs
    private CommandSpec spec;

    /** For {@code --version}. */
    static final class Build implements IVersionProvider {
        @Override
        public String[] getVersion() {
            return new String[] {"pvi " + Version.SERVICE};
        }
    }

    /** Runs one command line; the {@link ExitCode}. */
    public static int run(PrintWriter out, PrintWriter err, String... args) {
        CommandLine commands = new CommandLine(new PviCommand());
        commands.setOut(out);
        commands.setErr(err);
        commands.setCaseInsensitiveEnumValuesAllowed(false);
        commands.setExecutionExceptionHandler((failure, command, parsed) -> fail(command, failure));
        return commands.execute(args);
    }

    private static int fail(CommandLine command, Exception failure) {
        Integer code = exitCode(failure);
        PrintWriter err = command.getErr();
        if (code == null) {
            failure.printStackTrace(err);
            err.println("pvi: this is a mistake of ours, not yours: " + failure);
            err.flush();
            return ExitCode.REFUSED;
        }
        err.println("pvi: " + message(failure));
        err.flush();
        return code;
    }

    private static String message(Exception failure) {
        return failure instanceof JournalDamagedException damaged
                ? JournalPlace.damage(damaged.file(), damaged.sequence(), String.valueOf(damaged.getMessage()))
                : String.valueOf(failure.getMessage());
    }

    private static @Nullable Integer exitCode(Exception failure) {
        return switch (failure) {
            case CommandException ours -> ours.exitCode();
            case ConfigException operators -> ExitCode.USAGE;
            case RunDirectoryException operators -> ExitCode.REFUSED;
            case StartException operators -> ExitCode.REFUSED;
            case JournalException damagedOrMissing -> ExitCode.REFUSED;
            case BadRecordException damaged -> ExitCode.REFUSED;
            default -> null;
        };
    }

    @Override
    public void run() {
        throw new ParameterException(spec.commandLine(), "which command?");
    }
}
