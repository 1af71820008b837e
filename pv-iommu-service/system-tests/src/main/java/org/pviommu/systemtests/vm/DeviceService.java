package org.pviommu.systemtests.vm;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.pviommu.server.Json;
import org.pviommu.server.cli.PviCommand;
import org.pviommu.server.run.RunFiles;

/**
 * The service on this machine, as {@code pvi serve} starts it, with the devices of a guest: a process of its own in a directory of
 * its own. Close ends it with SIGTERM, and then its journal must be whole and replay to what it recorded.
 */
final class DeviceService implements AutoCloseable {
    /** Bytes of a disk's accesses that were translated, and that went untranslated; accesses that were refused. */
    static final String TRANSLATED = "pvi_disk_translated_bytes";

    static final String BYPASSING = "pvi_disk_bypassing_bytes";
    static final String REFUSED = "pvi_disk_refused_accesses";
    /** Requests of the virtio-iommu, by their status. */
    static final String REQUESTS = "pvi_iommu_requests";

    static final String OK = "status=\"OK\"";

    private static final Path LAUNCH = Path.of("../server/target/launch").toAbsolutePath();
    private static final long START_S = 60;
    private static final long END_S = 60;
    private static final int RESTORE_S = 60;

    private final Path directory;
    private final List<String> options;
    private @Nullable Process process;

    private DeviceService(Path directory, List<String> options) {
        this.directory = directory;
        this.options = options;
    }

    /** Starts it with these options of {@code serve}, besides {@code --run-dir}, and waits until it is ready. */
    static DeviceService start(Path directory, List<String> options) {
        DeviceService service = new DeviceService(directory, List.copyOf(options));
        service.start();
        return service;
    }

    /** Starts it again, after {@link #kill} or {@link #terminate}. */
    void start() {
        try {
            Files.deleteIfExists(runDirectory().resolve(RunFiles.READY)); // a killed one leaves it
            Process started = new ProcessBuilder(command())
                    .redirectErrorStream(true)
                    .redirectOutput(ProcessBuilder.Redirect.appendTo(log().toFile()))
                    .start();
            process = started;
            long deadlineNs = System.nanoTime() + TimeUnit.SECONDS.toNanos(START_S);
            while (!Files.exists(runDirectory().resolve(RunFiles.READY))) {
                Check.that(started.isAlive(), "the service ended: " + Files.readString(log()));
                Check.that(System.nanoTime() - deadlineNs < 0, "not ready after " + START_S + " s: " + log());
                Pause.milliseconds(50);
            }
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    private List<String> command() {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "@" + LAUNCH.resolve("jvm.args"),
                "@" + LAUNCH.resolve("serve.args"),
                "-cp",
                System.getProperty("java.class.path"),
                "org.pviommu.server.Main",
                "serve",
                "--run-dir",
                runDirectory().toString()));
        command.addAll(options);
        return command;
    }

    private Path runDirectory() {
        return directory.resolve("run");
    }

    private Path log() {
        return directory.resolve("service.log");
    }

    /** What it logged, all starts together. */
    String logged() {
        try {
            return Files.readString(log());
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    /**
     * The sum of a metric's samples, whatever its type, whose labels contain {@code label}; "" for all. A metric that does not exist fails.
     */
    long metric(String name, String label) {
        long sum = 0;
        boolean exists = false;
        for (String line : metrics().lines().toList()) {
            if (line.matches("# TYPE " + name + "(_total)? .*")) {
                exists = true;
            }
            if (line.matches(name + "(_total)?[ {].*") && line.contains(label)) {
                sum += (long) Double.parseDouble(line.substring(line.lastIndexOf(' ') + 1));
            }
        }
        Check.that(exists, "no metric " + name);
        return sum;
    }

    private String metrics() {
        try (HttpClient client = HttpClient.newHttpClient()) {
            Map<String, @Nullable Object> ready =
                    Json.object(Files.readString(runDirectory().resolve(RunFiles.READY)));
            String token =
                    Files.readString(runDirectory().resolve(RunFiles.TOKEN)).strip();
            HttpRequest request = HttpRequest.newBuilder(URI.create(ready.get("http") + "/prometheus"))
                    .header("Authorization", "Bearer " + token)
                    .timeout(Duration.ofSeconds(RESTORE_S))
                    .build();
            HttpResponse<String> answer = client.send(request, HttpResponse.BodyHandlers.ofString());
            Check.equal(200, answer.statusCode(), "status of /prometheus");
            return answer.body();
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
            throw new AssertionError("interrupted", stopped);
        }
    }

    /** SIGKILL; returns when it is gone. */
    void kill() {
        running().destroyForcibly();
        awaitEnd();
    }

    /** SIGTERM, upon which it has to end well. */
    void terminate() {
        running().destroy();
        Check.equal(0, awaitEnd(), "exit code of the service; log: " + log());
    }

    private Process running() {
        if (process == null) {
            throw new IllegalStateException("the service does not run");
        }
        return process;
    }

    private int awaitEnd() {
        Process ending = running();
        process = null;
        try {
            Check.that(ending.waitFor(END_S, TimeUnit.SECONDS), "the service does not end; log: " + log());
            return ending.exitValue();
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
            throw new AssertionError("interrupted", stopped);
        }
    }

    /** Ends it, and has its journal checked: every byte, and every status and digest by a replay. */
    @Override
    public void close() {
        if (process != null) {
            terminate();
        }
        String journal = runDirectory().resolve(RunFiles.JOURNAL).toString();
        pvi("journal", "verify", journal);
        pvi("replay", journal);
    }

    private static void pvi(String... command) {
        StringWriter output = new StringWriter();
        int code = PviCommand.run(new PrintWriter(output), new PrintWriter(output), command);
        Check.equal(0, code, String.join(" ", command) + ": " + output);
    }
}
