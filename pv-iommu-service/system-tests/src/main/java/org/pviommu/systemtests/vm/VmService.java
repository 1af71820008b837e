package org.pviommu.systemtests.vm;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * The service, as {@code pvi serve} starts it, as a process of its own: the launcher's flags, a configuration file, and a user and a
 * limit on locked memory that the machine's root has chosen.
 */
final class VmService implements AutoCloseable {
    /** As root, who is above limits. */
    static final Owner ROOT = new Owner("root", "unlimited");

    private static final Path APP = Path.of("/app");
    private static final long END_S = 60;

    private final Process process;
    private final Path directory;
    private final Path errors;
    private boolean ended;

    private VmService(Process process, Path directory, Path errors) {
        this.process = process;
        this.directory = directory;
        this.errors = errors;
    }

    /**
     * Who runs it.
     *
     * @param user a user of /etc/passwd
     * @param lockedKib limit on locked memory as the shell's ulimit takes it, in KiB
     */
    record Owner(String user, String lockedKib) {}

    /** Starts it and waits until it is ready; fails with its log when it ends instead. */
    static VmService start(Owner owner, String host, List<String> configuration) {
        VmService service = launch(owner, host, configuration);
        if (!service.becomesReady()) {
            throw new AssertionError("the service ended with " + service.awaitEnd() + ": " + service.log());
        }
        return service;
    }

    /** Starts it and does not wait. */
    static VmService launch(Owner owner, String host, List<String> configuration) {
        try {
            Path directory = Files.createTempDirectory("service");
            Path config = Files.write(directory.resolve("pvi.yaml"), configuration);
            Path errors = Files.createFile(directory.resolve("log"));
            run("chown", "-R", owner.user(), directory.toString());
            String java = String.join(" ", command(directory, host, config));
            Process process = new ProcessBuilder(
                            "sh",
                            "-c",
                            "ulimit -l " + owner.lockedKib() + " && exec su " + owner.user() + " -s /bin/sh -c 'exec "
                                    + java + "'")
                    .redirectError(errors.toFile())
                    .start();
            return new VmService(process, directory, errors);
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    private static List<String> command(Path directory, String host, Path config) throws IOException {
        List<String> command = new ArrayList<>(List.of("/jre/bin/java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"));
        command.add("@" + APP.resolve("launch/jvm.args"));
        command.add("@" + APP.resolve("launch/serve.args"));
        command.addAll(
                List.of("-cp", Files.readString(APP.resolve("class-path")).strip(), "org.pviommu.server.Main"));
        command.addAll(List.of(
                "serve", "--host", host, "--run-dir", directory.resolve("run").toString()));
        command.addAll(List.of("--config", config.toString(), "--no-journal"));
        return command;
    }

    /** Runs a command of the machine, which must succeed. */
    static void run(String... command) {
        try {
            Process process = new ProcessBuilder(command)
                    .redirectErrorStream(true)
                    .redirectOutput(
                            ProcessBuilder.Redirect.to(Path.of("/dev/ttyS0").toFile()))
                    .start();
            Check.equal(0, process.waitFor(), String.join(" ", command));
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        } catch (InterruptedException ended) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted", ended);
        }
    }

    @SuppressWarnings("resource") // the process keeps its streams
    private boolean becomesReady() {
        BufferedReader output = process.inputReader(StandardCharsets.UTF_8);
        try {
            for (String line = output.readLine(); line != null; line = output.readLine()) {
                if (line.startsWith("pvi: ready")) {
                    return true;
                }
            }
            return false;
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    /** Where guests connect. */
    Path ring() {
        return directory.resolve("run/ring.sock");
    }

    /** The user that the process really runs as. */
    int uid() {
        try {
            return (int) Files.getAttribute(Path.of("/proc", Long.toString(process.pid())), "unix:uid");
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    /** What it logged. */
    String log() {
        try {
            return Files.readString(errors);
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    /** SIGKILL; returns when the process, and with it the kernel's part of it, is gone. */
    void kill() {
        ended = true;
        process.destroyForcibly();
        awaitEnd();
    }

    /** For one that ends by itself: its exit code. */
    int awaitEnd() {
        ended = true;
        try {
            if (!process.waitFor(END_S, TimeUnit.SECONDS)) {
                throw new AssertionError("the service does not end within " + END_S + " s: " + log());
            }
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted", stopped);
        }
        return process.exitValue();
    }

    /** SIGTERM, upon which it has to end well. */
    @Override
    public void close() {
        if (!ended) {
            process.destroy();
            Check.equal(0, awaitEnd(), "exit code of the service; log: " + log());
        }
    }
}
