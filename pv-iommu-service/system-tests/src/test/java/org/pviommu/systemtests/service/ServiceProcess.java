package org.pviommu.systemtests.service;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.pviommu.server.run.RunFiles;

/**
 * The service as a process of its own, started with the flags of the launcher and the class path of this test, in a run
 * directory of its own. Close ends it with SIGTERM and requires that it ended well and reported no mistake of its own.
 */
final class ServiceProcess implements AutoCloseable {
    /** Surefire runs the tests in the directory of their module. */
    private static final Path LAUNCH = Path.of("../server/target/launch").toAbsolutePath();

    /** REST has as many event loops and workers as it wants; after so many requests all that are used have begun. */
    private static final int WARM_UP_REQUESTS = 32;

    private final Path directory;
    private final Child child;
    /** Whether a test has ended it; otherwise it must be alive at close. */
    private boolean ended;

    /** Whether it is the first process of a PID namespace, and the child is what made that. */
    private final boolean isFirst;

    private ServiceProcess(Path directory, Child child, boolean isFirst) {
        this.directory = directory;
        this.child = child;
        this.isFirst = isFirst;
    }

    /** Starts it in {@code directory} and waits until it answers. */
    static ServiceProcess start(Path directory, String... configuration) {
        return launch(directory, configuration).awaitReady();
    }

    /** Starts it as the first process of a PID namespace of its own, which only root can. */
    static ServiceProcess startAsFirstProcess(Path directory) {
        try {
            Files.deleteIfExists(
                    directory.resolve("run").resolve(RunFiles.READY)); // of the last one, with the same number
            Path config = Files.createTempFile(directory, "pvi-", ".yaml");
            List<String> command =
                    new ArrayList<>(List.of("unshare", "--pid", "--fork", "--kill-child", "--mount-proc"));
            command.addAll(command(directory, config));
            return new ServiceProcess(directory, Child.start(directory, "service", command), true).awaitReady();
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    private ServiceProcess awaitReady() {
        ServiceProcess service = this;
        Guard.eventually(
                "the service comes up", () -> service.isReady() || !service.child.isAlive(), service.child::describe);
        assertTrue(service.child.isAlive(), service.child::describe);
        return service;
    }

    /** Looks for its own number: a killed service leaves its file. */
    private boolean isReady() {
        try {
            return Files.readString(runDirectory().resolve(RunFiles.READY))
                    .contains("\"pid\":" + (isFirst ? 1 : pid()) + "}");
        } catch (NoSuchFileException notYet) {
            return false;
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    /** Starts it and does not wait. */
    static ServiceProcess launch(Path directory, String... configuration) {
        try {
            Path config = Files.createTempFile(directory, "pvi-", ".yaml");
            Files.write(config, List.of(configuration));
            return new ServiceProcess(directory, Child.start(directory, "service", command(directory, config)), false);
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    private static List<String> command(Path directory, Path config) throws IOException {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "@" + LAUNCH.resolve("jvm.args"),
                "@" + LAUNCH.resolve("serve.args"),
                "-cp",
                System.getProperty("java.class.path"),
                "org.pviommu.server.Main",
                "serve",
                "--run-dir",
                directory.resolve("run").toString(),
                "--http-port",
                "0"));
        if (Files.size(config) > 0) {
            command.addAll(List.of("--config", config.toString()));
        }
        return command;
    }

    /** SIGTERM. */
    void terminate() {
        ended = true;
        child.terminate();
    }

    /** SIGKILL. */
    void kill() {
        ended = true;
        if (isFirst) {
            ProcessHandle.of(child.pid())
                    .flatMap(process -> process.children().findFirst())
                    .orElseThrow()
                    .destroyForcibly();
            child.awaitExit();
        } else {
            child.kill();
        }
    }

    /** For a service that ends by itself, or has been told to: its exit code. */
    int awaitExit() {
        ended = true;
        return child.awaitExit();
    }

    long pid() {
        return child.pid();
    }

    String describe() {
        return child.describe();
    }

    Path directory() {
        return directory;
    }

    Path runDirectory() {
        return directory.resolve("run");
    }

    Path ring() {
        return runDirectory().resolve(RunFiles.RING_SOCKET);
    }

    Rest rest() {
        return new Rest(runDirectory().resolve(RunFiles.API_SOCKET));
    }

    /** What it logged. */
    String log() {
        return child.errors();
    }

    /** Answers some requests, so that what the JVM opens once and keeps is open. */
    void warmUp() {
        for (int i = 0; i < WARM_UP_REQUESTS; i++) {
            rest().guests();
        }
    }

    /**
     * Open descriptors by kind: sockets, eventfds and epoll instances, memfds. Without ordinary files, because the JVM opens
     * jars when it first needs something from them, and without connections of REST clients, which end when the service
     * gets to it.
     */
    Map<String, Integer> descriptors() {
        // First, so that a connection that ends meanwhile is either known by its name or not there any more.
        Set<String> restSockets = restSockets();
        Map<String, Integer> kinds = new TreeMap<>();
        for (String target : links(procDirectory().resolve("fd"))) {
            boolean file = target.startsWith("/") && !target.startsWith("/memfd:");
            if (!file && !restSockets.contains(target)) {
                kinds.merge(target.replaceAll("[:(].*", ""), 1, Integer::sum);
            }
        }
        return kinds;
    }

    /** As /proc/PID/fd shows them; the kernel's list ends in inode and path, which a listener's connections share. */
    private Set<String> restSockets() {
        return lines(procDirectory().resolve("net/unix")).stream()
                .map(line -> line.split(" +"))
                .filter(fields ->
                        fields[fields.length - 1].equals(rest().socket().toString()))
                .map(fields -> "socket:[" + fields[fields.length - 2] + "]")
                .collect(Collectors.toSet());
    }

    private static List<String> links(Path directory) {
        List<String> targets = new ArrayList<>();
        try (Stream<Path> entries = Files.list(directory)) {
            for (Path entry : entries.toList()) {
                try {
                    targets.add(Files.readSymbolicLink(entry).toString());
                } catch (NoSuchFileException closedMeanwhile) {
                    // Not open any more, not counted.
                }
            }
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
        return targets;
    }

    /** Waits until the descriptors are those again. */
    void awaitDescriptors(Map<String, Integer> expected) {
        Guard.eventually(
                "descriptors return to " + expected,
                () -> descriptors().equals(expected),
                () -> descriptors().toString());
    }

    /** Lines of its memory map: all, and those of guests' memory and rings. */
    record Mappings(long all, long memfds) {}

    Mappings mappings() {
        List<String> lines = lines(procDirectory().resolve("maps"));
        return new Mappings(
                lines.size(),
                lines.stream().filter(line -> line.contains("/memfd:")).count());
    }

    /** Connections that it serves: each has a thread of its own. */
    long connections() {
        try (Stream<Path> threads = Files.list(procDirectory().resolve("task"))) {
            return threads.map(thread -> threadName(thread.resolve("comm")))
                    .filter(name -> name.startsWith("ring-guest") || name.startsWith("ring-handshake"))
                    .count();
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    private static String threadName(Path comm) {
        try {
            return Files.readString(comm);
        } catch (IOException endedMeanwhile) {
            return "";
        }
    }

    private static List<String> lines(Path file) {
        try {
            return Files.readAllLines(file);
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    private Path procDirectory() {
        return Path.of("/proc", Long.toString(child.pid()));
    }

    /** It lives, answers, and has not found a mistake of its own. */
    void requireHealthy() {
        assertTrue(child.isAlive(), child::describe);
        assertEquals(200, rest().get("/health").status());
        requireNoMistake();
    }

    private void requireNoMistake() {
        assertFalse(log().contains("mistake of this service"), child::describe);
        assertFalse(log().contains("Exception"), child::describe);
        assertFalse(log().contains("Error"), child::describe);
    }

    @Override
    public void close() {
        try (child) {
            if (!ended) {
                assertTrue(child.isAlive(), child::describe);
                child.terminate();
                assertEquals(0, child.awaitExit(), child::describe);
            }
            requireNoMistake();
        }
    }
}
