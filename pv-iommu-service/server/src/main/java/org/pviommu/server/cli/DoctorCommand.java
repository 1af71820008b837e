package org.pviommu.server.cli;

import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.pviommu.host.kernel.HostInspection;
import org.pviommu.host.kernel.HostInspection.Finding;
import org.pviommu.host.kernel.HostInspection.Level;
import org.pviommu.server.EndpointId;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code pvi doctor}. */
@Command(
        name = "doctor",
        mixinStandardHelpOptions = true,
        description = {
            "What this machine can do as a host: iommufd, VFIO, groups, limits, reserved ranges; what is missing, and what mends it.",
            "Needs no service and no root. Exit code 1 when something is missing for an address that was given."
        },
        footerHeading = "%nExamples:%n",
        footer = {"  pvi doctor", "  pvi doctor 0000:01:00.0        can that device be given to a guest?"})
final class DoctorCommand implements Callable<Integer> {
    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it before the command runs
    private CommandSpec spec;

    @Parameters(paramLabel = "ADDRESS", arity = "0..*", description = "PCI devices, each opened for a moment.")
    private List<String> addresses = List.of();

    @Override
    public Integer call() {
        List<Finding> findings = HostInspection.run(
                addresses.stream().map(DoctorCommand::endpoint).toList());
        List<List<String>> rows = new ArrayList<>();
        for (Finding finding : findings) {
            rows.add(List.of(finding.level().name().toLowerCase(Locale.ROOT), finding.subject(), finding.text()));
            if (!finding.mend().isEmpty()) {
                rows.add(List.of("", "", "mend: " + finding.mend()));
            }
        }
        PrintWriter out = spec.commandLine().getOut();
        out.print(Table.format(List.of("", "WHAT", "FOUND"), rows));
        out.flush();
        boolean missing = !addresses.isEmpty()
                && findings.stream()
                        .anyMatch(finding -> finding.level() == Level.MISSING && addresses.contains(finding.subject()));
        return missing ? ExitCode.REFUSED : ExitCode.DONE;
    }

    private static int endpoint(String address) {
        try {
            return EndpointId.parse(address);
        } catch (IllegalArgumentException wrong) {
            throw CommandException.usage(String.valueOf(wrong.getMessage()));
        }
    }
}
