package org.pviommu.systemtests.service;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.pviommu.server.Json;

/** The example guest, in C, as a process that obeys line commands. It maps nothing by itself. */
final class InteractiveGuest implements AutoCloseable {
    private static final Path PROGRAM =
            Path.of("../../hypercall-abi/target/native/dom0-guest").toAbsolutePath();

    private final Process process;
    private final BufferedWriter commands;
    private final BufferedReader answers;

    private InteractiveGuest(Process process) {
        this.process = process;
        commands = process.outputWriter(StandardCharsets.UTF_8);
        answers = process.inputReader(StandardCharsets.UTF_8);
    }

    /** Starts it and waits until it obeys; it has 4 MiB of memory from {@code firstMfn} on. */
    static InteractiveGuest start(ServiceProcess service, int guestId, long firstMfn) {
        List<String> command =
                new ArrayList<>(List.of(PROGRAM.toString(), "--no-map", "--interactive", "--memory", "4M"));
        command.addAll(List.of("--socket", service.ring().toString(), "--guest", Integer.toString(guestId)));
        command.addAll(List.of("--first-mfn", Long.toString(firstMfn)));
        try {
            Process process = new ProcessBuilder(command)
                    .redirectError(ProcessBuilder.Redirect.INHERIT)
                    .start();
            InteractiveGuest guest = new InteractiveGuest(process);
            assertEquals("interactive", guest.nextLine().get("phase"));
            return guest;
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    /**
     * Starts one that first works until {@link #endWork}, over deaths of the service, and logs it to {@code log}; it obeys
     * after that.
     */
    static InteractiveGuest startWorking(Path ring, int guestId, Path log, Path errors, String... options) {
        List<String> command = new ArrayList<>(List.of(PROGRAM.toString(), "--interactive", "--log", log.toString()));
        command.addAll(List.of("--socket", ring.toString(), "--guest", Integer.toString(guestId)));
        command.addAll(List.of("--reconnect", Integer.toString(Guard.TIMEOUT_SECONDS), "--batches", "1000000000000"));
        command.addAll(List.of(options));
        try {
            return new InteractiveGuest(new ProcessBuilder(command)
                    .redirectError(ProcessBuilder.Redirect.appendTo(errors.toFile()))
                    .start());
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    /** Ends the work of a guest that works, and waits until it obeys. */
    void endWork() {
        signal("USR1");
        try {
            assertEquals("interactive", nextLine().get("phase"));
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    /** Stands still, and goes on: whatever else happens. */
    void freeze(boolean still) {
        signal(still ? "STOP" : "CONT");
    }

    private void signal(String name) {
        try {
            assertEquals(
                    0,
                    new ProcessBuilder("kill", "-" + name, Long.toString(process.pid()))
                            .inheritIO()
                            .start()
                            .waitFor());
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
            throw new AssertionError("interrupted", stopped);
        }
    }

    boolean isAlive() {
        return process.isAlive();
    }

    /** Sends a line; the answer, which must not be that the command was not understood. */
    Map<String, @Nullable Object> obey(String command) {
        try {
            commands.write(command);
            commands.newLine();
            commands.flush();
            Map<String, @Nullable Object> answer = nextLine();
            assertTrue(!answer.containsKey("error"), () -> command + ": " + answer);
            return answer;
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    /** The status of the first operation that failed, or OK. */
    String statusOf(String command) {
        Map<String, @Nullable Object> answer = obey(command);
        assertEquals(0L, answer.get("result"), answer::toString);
        return String.valueOf(answer.getOrDefault("first_failed_status_name", "OK"));
    }

    /** A request that must be granted. */
    void request(String command) {
        Map<String, @Nullable Object> answer = obey(command);
        assertEquals(0L, answer.get("result"), answer::toString);
    }

    /** A request that must be refused with that number and text. */
    void requireRefusal(String command, long result, String part) {
        Map<String, @Nullable Object> answer = obey(command);
        assertEquals(result, answer.get("result"), answer::toString);
        assertTrue(String.valueOf(answer.get("message")).contains(part), answer::toString);
    }

    private Map<String, @Nullable Object> nextLine() throws IOException {
        String line = answers.readLine();
        assertNotNull(line, "the guest has ended");
        return Json.object(line);
    }

    /** SIGKILL. */
    void kill() {
        process.destroyForcibly();
        try {
            assertTrue(process.waitFor(Guard.TIMEOUT_SECONDS, TimeUnit.SECONDS), "a killed guest does not end");
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
            throw new AssertionError("interrupted", stopped);
        }
    }

    @Override
    public void close() {
        kill();
    }
}
