package org.pviommu.systemtests.service;

import static org.junit.jupiter.api.Assertions.fail;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;

/** A process of ours, whose output goes to files. Killed on close, and when this process ends. */
final class Child implements AutoCloseable {
    private static final Set<Process> RUNNING = ConcurrentHashMap.newKeySet();

    static {
        Runtime.getRuntime().addShutdownHook(new Thread(() -> RUNNING.forEach(Process::destroyForcibly)));
    }

    private final String name;
    private final Process process;
    private final Path output;
    private final Path errors;

    private Child(String name, Process process, Path output, Path errors) {
        this.name = name;
        this.process = process;
        this.output = output;
        this.errors = errors;
    }

    /** Starts it; its output goes to new files in {@code directory}. */
    static Child start(Path directory, String name, List<String> command) {
        try {
            Path output = Files.createTempFile(directory, name + "-", ".out");
            Path errors = Files.createTempFile(directory, name + "-", ".err");
            Process process = new ProcessBuilder(command)
                    .redirectInput(new File("/dev/null"))
                    .redirectOutput(output.toFile())
                    .redirectError(errors.toFile())
                    .start();
            RUNNING.add(process);
            return new Child(name, process, output, errors);
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    long pid() {
        return process.pid();
    }

    boolean isAlive() {
        return process.isAlive();
    }

    /** SIGTERM. */
    void terminate() {
        process.destroy();
    }

    /** SIGKILL; returns when the process is gone. */
    void kill() {
        process.destroyForcibly();
        awaitExit();
    }

    /** The exit code. */
    int awaitExit() {
        try {
            if (!process.waitFor(Guard.TIMEOUT_SECONDS, TimeUnit.SECONDS)) {
                fail(name + " pid=" + pid() + " does not end: " + describe());
            }
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
            throw new AssertionError("interrupted", stopped);
        }
        RUNNING.remove(process);
        return process.exitValue();
    }

    /** Waits until it has written this to its standard output; fails when it ends without. */
    void awaitOutput(String part) {
        Guard.eventually(
                name + " writes " + part, () -> output().contains(part) || !isAlive(), () -> "nothing: " + describe());
        if (!output().contains(part)) {
            fail(name + " ended with exit code " + awaitExit() + " without " + part + ": " + describe());
        }
    }

    String output() {
        return read(output);
    }

    String errors() {
        return read(errors);
    }

    /** The end of what it wrote, for messages of failed assertions. */
    String describe() {
        return tail(output()) + " | " + tail(errors());
    }

    private static String tail(String text) {
        return text.substring(Math.max(0, text.length() - 1_000));
    }

    private static String read(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    @Override
    public void close() {
        if (isAlive()) {
            kill();
        }
    }
}
