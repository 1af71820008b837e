package org.pviommu.server.cli;

import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.pviommu.server.demo.Demo;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code pvi demo}. */
@Command(
        name = "demo",
        mixinStandardHelpOptions = true,
        description =
                "Start a service, run a real guest process against it, let its device do DMA, and check everything. "
                        + "Exit code 0 and a last line \"demo: OK\" only if every check held.",
        footerHeading = "%nExamples:%n",
        footer = {
            "  pvi demo",
            "  pvi demo --keep          leave the service up until Ctrl-C",
            "  pvi demo --break flush   with a planted fault: must end in \"demo: FAILED\" and exit code 1"
        })
final class DemoCommand implements Callable<Integer> {
    /** Faults that can be planted. */
    enum Break {
        /** The IOTLB flush is skipped. */
        flush,
        /** One run is not mapped. */
        map,
        /** One run gets a wrong status. */
        status
    }

    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it before the command runs
    private CommandSpec spec;

    @Option(names = "--keep", description = "Leave service and guest up at the end, until Ctrl-C.")
    private boolean keep;

    @Option(
            names = "--break",
            paramLabel = "FAULT",
            description = "Plant a fault in the service: ${COMPLETION-CANDIDATES}. The checks are the same.")
    private @Nullable Break fault;

    @Option(names = "--quick", description = "Less load, and DMA through a sample of the pages.")
    private boolean quick;

    @Override
    public Integer call() throws InterruptedException {
        String home = System.getenv("PVI_HOME");
        if (home == null) {
            throw CommandException.usage("start the demonstration with ./pvi demo: it needs the launcher's PVI_HOME");
        }
        Demo.Options options = new Demo.Options(Path.of(home), keep, fault == null ? null : fault.name(), quick);
        return new Demo(options, spec.commandLine().getOut()).run() ? ExitCode.DONE : ExitCode.REFUSED;
    }
}
