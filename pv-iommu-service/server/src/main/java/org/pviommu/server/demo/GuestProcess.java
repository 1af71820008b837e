package org.pviommu.server.demo;

import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.pviommu.server.Json;
import org.pviommu.server.Text;

/**
 * The guest: the C program {@code dom0-guest}, whose phases report one JSON object per line, and which then obeys line
 * commands with one JSON object each. What it has to say to people goes to a file.
 */
final class GuestProcess {
    private static final long ANSWER_SECONDS = 180;
    private static final String END = "";

    private final Process process;
    private final BlockingQueue<String> answers = new LinkedBlockingQueue<>();
    private final BufferedWriter commands;
    private final Path messages;

    private GuestProcess(Process process, Path messages) {
        this.process = process;
        this.messages = messages;
        this.commands = process.outputWriter(StandardCharsets.UTF_8);
        Thread reader = new Thread(() -> readAnswers(process.inputReader(StandardCharsets.UTF_8)), "demo-guest-output");
        reader.setDaemon(true);
        reader.start();
    }

    /** Reads on a thread of its own, so that whoever waits for an answer can show progress and give up. */
    private void readAnswers(BufferedReader lines) {
        try (lines) {
            lines.lines().filter(line -> !line.isEmpty()).forEach(answers::add);
        } catch (IOException | UncheckedIOException closed) {
            // The process ended; what there was has been read.
        }
        answers.add(END);
    }

    static GuestProcess start(Children children, Path messages, List<String> command) {
        try {
            Process process =
                    new ProcessBuilder(command).redirectError(messages.toFile()).start();
            return new GuestProcess(children.add(process), messages);
        } catch (IOException failed) {
            throw new DemoFailure("the guest cannot be started: " + failed.getMessage(), failed);
        }
    }

    long pid() {
        return process.pid();
    }

    boolean isAlive() {
        return process.isAlive();
    }

    /**
     * The report of the next phase, which must be the one called {@code name}.
     *
     * @param everySecond called about once a second until it comes
     */
    Map<String, @Nullable Object> phase(String name, Runnable everySecond) {
        Map<String, @Nullable Object> report = Json.object(nextLine(everySecond));
        if (!name.equals(report.get("phase"))) {
            throw new DemoFailure("the guest reports " + report + " where phase=" + name + " was expected");
        }
        return report;
    }

    /** Sends a line command; its answer. */
    Map<String, @Nullable Object> obey(String command) {
        try {
            commands.write(command);
            commands.newLine();
            commands.flush();
        } catch (IOException gone) {
            throw new DemoFailure("the guest is gone: " + complaints(), gone);
        }
        Map<String, @Nullable Object> answer = Json.object(nextLine(() -> {}));
        if (answer.containsKey("error")) {
            throw new DemoFailure("the guest refuses '" + Text.quote(command) + "': " + answer.get("error"));
        }
        return answer;
    }

    private String nextLine(Runnable everySecond) {
        for (long second = 0; second < ANSWER_SECONDS; second++) {
            String line = poll();
            if (END.equals(line)) {
                throw new DemoFailure("the guest ended: " + complaints());
            }
            if (line != null) {
                return line;
            }
            everySecond.run();
        }
        throw new DemoFailure("the guest says nothing for seconds=" + ANSWER_SECONDS);
    }

    private @Nullable String poll() {
        try {
            return answers.poll(1, TimeUnit.SECONDS);
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
            throw new DemoFailure("interrupted", stopped);
        }
    }

    /** The lines of its messages that report something unexpected; the first few. */
    String complaints() {
        try {
            List<String> lines = Files.readAllLines(messages).stream()
                    .filter(line -> line.startsWith("dom0-guest:"))
                    .limit(3)
                    .toList();
            return lines.isEmpty() ? "no message" : String.join(" | ", lines);
        } catch (IOException unreadable) {
            return "messages=" + messages + " cannot be read";
        }
    }

    /** Takes the guest's power away: what a crash looks like to the service. */
    void kill() throws InterruptedException {
        process.destroyForcibly();
        process.waitFor(10, TimeUnit.SECONDS);
    }
}
