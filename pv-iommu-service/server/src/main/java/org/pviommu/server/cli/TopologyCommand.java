package org.pviommu.server.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.pviommu.server.Text;
import org.pviommu.server.topology.DeviceTree;
import org.pviommu.server.topology.EndpointRange;
import org.pviommu.server.topology.Topology;
import org.pviommu.server.topology.Viot;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code pvi topology}. */
@Command(
        name = "topology",
        mixinStandardHelpOptions = true,
        description = {
            "What tells a guest which of its devices are behind the virtio-iommu. Devices are PCI addresses",
            "(0000:00:06.0) or the same as numbers (0x30), single or as ranges; their endpoint ids are these numbers,",
            "unless =ID says which one the first has. The IOMMU itself is never behind itself. Needs no service."
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  pvi topology viot --iommu 0000:00:04.0 --to viot.aml 0000:00:06.0",
            "                       for QEMU: -acpitable file=viot.aml, and the IOMMU's device with addr=04.0",
            "  pvi topology viot --iommu 0x10 0x18-0xff                  print the table's bytes",
            "  pvi topology viot --iommu 0000:00:04.0 --to viot.aml 0000:00:06.0=7 0000:01:00.0-0000:01:1f.7",
            "  pvi topology dt --iommu 0000:00:04.0 --bridge pcie0 0x0-0x1f 0x21-0xffff"
        })
final class TopologyCommand {
    /** What the device-tree compiler takes as a label. */
    private static final Pattern LABEL = Pattern.compile("[A-Za-z_][A-Za-z0-9_]{0,63}");

    private static final int BYTES_A_LINE = 16;

    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it before the command runs
    private CommandSpec spec;

    @Command(
            name = "viot",
            mixinStandardHelpOptions = true,
            description = "The ACPI table VIOT, for machines with ACPI: x86, and arm64 servers.",
            footer = {"", "Example: pvi topology viot --iommu 0000:00:04.0 --to viot.aml 0000:00:06.0"})
    int viot(
            @Option(
                            names = "--iommu",
                            paramLabel = "DEVICE",
                            required = true,
                            description = "Where the virtio-iommu is, on the root bus.")
                    String iommu,
            @Option(
                            names = "--to",
                            paramLabel = "FILE",
                            description = "Write the table there. Default: print its bytes.")
                    @Nullable
                    Path to,
            @Parameters(
                            paramLabel = "DEVICE[-DEVICE][=ID]",
                            arity = "1..*",
                            description = "What is behind it; up to 1024 ranges.")
                    List<String> devices) {
        byte[] table = Viot.table(topology(iommu, devices));
        if (to != null) {
            write(to, table);
        } else {
            print(table);
        }
        return ExitCode.DONE;
    }

    @Command(
            name = "dt",
            mixinStandardHelpOptions = true,
            description = "A fragment of device-tree source, for machines without ACPI.",
            footer = {"", "Example: pvi topology dt --iommu 0000:00:04.0 --bridge pcie0 0000:00:06.0"})
    int dt(
            @Option(
                            names = "--iommu",
                            paramLabel = "DEVICE",
                            required = true,
                            description = "Where the virtio-iommu is, on the root bus.")
                    String iommu,
            @Option(
                            names = "--bridge",
                            paramLabel = "LABEL",
                            defaultValue = "pcie",
                            description = "The label of the PCI host bridge's node. Default: ${DEFAULT-VALUE}.")
                    String bridge,
            @Option(names = "--to", paramLabel = "FILE", description = "Write it there. Default: print it.") @Nullable
                    Path to,
            @Parameters(
                            paramLabel = "DEVICE[-DEVICE][=ID]",
                            arity = "1..*",
                            description = "What is behind it; up to 1024 ranges.")
                    List<String> devices) {
        if (!LABEL.matcher(bridge).matches()) {
            throw CommandException.usage("--bridge=" + Text.quote(bridge) + " is no label: a letter or _, then letters,"
                    + " digits and _, up to 64");
        }
        String fragment = fragment(topology(iommu, devices), bridge);
        if (to != null) {
            write(to, fragment.getBytes(StandardCharsets.US_ASCII));
        } else {
            out().print(fragment);
            out().flush();
        }
        return ExitCode.DONE;
    }

    private static Topology topology(String iommu, List<String> devices) {
        try {
            return new Topology(
                    EndpointRange.function(iommu),
                    devices.stream().map(EndpointRange::parse).toList());
        } catch (IllegalArgumentException wrong) {
            throw CommandException.usage(String.valueOf(wrong.getMessage()));
        }
    }

    private static String fragment(Topology topology, String bridge) {
        try {
            return DeviceTree.fragment(topology, bridge);
        } catch (IllegalArgumentException wrong) {
            throw CommandException.usage(String.valueOf(wrong.getMessage()));
        }
    }

    private static void write(Path to, byte[] bytes) {
        try {
            Files.write(to, bytes);
        } catch (IOException failed) {
            throw CommandException.refused("cannot write " + to + ": " + failed);
        }
    }

    private void print(byte[] table) {
        HexFormat hex = HexFormat.ofDelimiter(" ");
        for (int at = 0; at < table.length; at += BYTES_A_LINE) {
            int end = Math.min(at + BYTES_A_LINE, table.length);
            out().println(String.format("%04x: ", at) + hex.formatHex(table, at, end));
        }
        out().flush();
    }

    private PrintWriter out() {
        return spec.commandLine().getOut();
    }
}
