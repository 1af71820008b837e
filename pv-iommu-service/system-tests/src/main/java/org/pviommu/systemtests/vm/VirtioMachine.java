package org.pviommu.systemtests.vm;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.pviommu.server.topology.EndpointRange;
import org.pviommu.server.topology.Topology;
import org.pviommu.server.topology.Viot;

/** An unmodified guest whose devices the service has; runs {@code vm/virtio-guest.sh}. */
final class VirtioMachine {
    /** Where the script puts the IOMMU, 00:04.0, and the disk, 00:06.0; the edu devices follow. */
    static final int IOMMU = 0x20;

    static final int DISK = 0x30;
    static final int LAST_EDU = 0x47;

    /** The machine was cut off at its time limit. */
    static final int LIMIT_REACHED = 124;

    private static final Path SCRIPTS = Path.of("vm").toAbsolutePath();
    private static final Path LOGS = Path.of("target/vm").toAbsolutePath();

    private final String name;
    private final List<String> options = new ArrayList<>();
    private Consumer<String> listener = line -> {};
    private boolean quiet;

    /** A machine whose logs are kept under this name. */
    VirtioMachine(String name) {
        this.name = name;
    }

    /** Options of the script. */
    VirtioMachine with(String... more) {
        options.addAll(List.of(more));
        return this;
    }

    /** The IOMMU, with everything from the disk on behind it. */
    VirtioMachine withIommu(Path directory) {
        Topology topology = new Topology(IOMMU, List.of(new EndpointRange(DISK, LAST_EDU, DISK)));
        Path table = directory.resolve("viot.aml");
        try {
            Files.write(table, Viot.table(topology));
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
        return with("--iommu", directory.resolve("iommu.sock").toString(), "--viot", table.toString());
    }

    VirtioMachine withDisk(Path directory) {
        return with("--disk", directory.resolve("disk.sock").toString());
    }

    VirtioMachine withHypercalls(Path directory) {
        return with("--hypercall", directory.resolve("hypercall.sock").toString());
    }

    /** Only the listener is told what the machine says. */
    VirtioMachine quiet() {
        quiet = true;
        return this;
    }

    /** Told each line of the machine as it comes: "case NAME ok", "note ...". */
    VirtioMachine listening(Consumer<String> to) {
        listener = to;
        return this;
    }

    /** Makes a disk image for one: empty, or with an ext4 file system. */
    static Path image(Path directory, int mib, boolean ext4) {
        Path image = directory.resolve("disk.img");
        List<String> command = new ArrayList<>(
                List.of(SCRIPTS.resolve("image.sh").toString(), image.toString(), Integer.toString(mib)));
        if (ext4) {
            command.add("ext4");
        }
        Check.equal(0, run(command, line -> {}), String.join(" ", command));
        return image;
    }

    /** What a run has said. */
    record Outcome(int exitCode, List<String> lines) {
        /** Every case held, and there was one. */
        void requireGood() {
            long cases = lines.stream().filter(line -> line.startsWith("case ")).count();
            Check.that(
                    exitCode == 0 && cases > 0,
                    "exit code " + exitCode + " (2: something is missing, 124: time limit," + " 125: no result): "
                            + String.join("; ", lines));
        }

        /** No case failed; not all need have been run. */
        void requireNothingWrong() {
            for (String line : lines) {
                Check.that(!line.startsWith("case ") || line.endsWith(" ok"), line);
            }
        }

        /** Whether a case was run, and held. */
        boolean held(String name) {
            return lines.contains("case " + name + " ok");
        }
    }

    /** Boots it for these cases. */
    Outcome run(String... cases) {
        List<String> command =
                new ArrayList<>(List.of(SCRIPTS.resolve("virtio-guest.sh").toString()));
        command.addAll(List.of("--logs", LOGS.resolve(name).toString()));
        command.addAll(options);
        command.addAll(List.of(cases));
        List<String> lines = new ArrayList<>();
        int code = run(command, line -> {
            if (!quiet) {
                System.out.println("vm: " + line);
            }
            lines.add(line);
            listener.accept(line);
        });
        return new Outcome(code, lines);
    }

    private static int run(List<String> command, Consumer<String> lines) {
        try {
            Process process = new ProcessBuilder(command)
                    .redirectError(ProcessBuilder.Redirect.INHERIT)
                    .start();
            try (BufferedReader output = process.inputReader(StandardCharsets.UTF_8)) {
                for (String line = output.readLine(); line != null; line = output.readLine()) {
                    lines.accept(line);
                }
            }
            return process.waitFor();
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
            throw new AssertionError("interrupted", stopped);
        }
    }
}
