package org.pviommu.server.demo;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.pviommu.server.Json;
import org.pviommu.server.cli.RestClient;

/**
 * What was recorded, against what is: commands in processes of their own read the journal's files, and what they come to is
 * compared with what the running service says.
 */
final class JournalProof {
    private static final long COMMAND_SECONDS = 120;
    private static final long WRITTEN_SECONDS = 30;

    private final Checks checks;
    private final PrintWriter out;
    private final Children children;
    private final Path launcher;
    private final Path runDir;

    /** What a command said, and how it ended. */
    private record Said(int code, String text) {}

    JournalProof(Checks checks, PrintWriter out, Children children, Path launcher, Path runDir) {
        this.checks = checks;
        this.out = out;
        this.children = children;
        this.launcher = launcher;
        this.runDir = runDir;
    }

    void prove(RestClient rest) throws InterruptedException {
        awaitWritten(rest);
        verified();
        replayed(rest);
        why();
    }

    /** The guest is idle, so its last record is a matter of milliseconds. */
    private static void awaitWritten(RestClient rest) throws InterruptedException {
        long deadlineNs = System.nanoTime() + TimeUnit.SECONDS.toNanos(WRITTEN_SECONDS);
        Map<String, @Nullable Object> journal = Json.object(rest.get("/api/v1/journal"));
        while (Device.number(journal, "writtenSequence") < Device.number(journal, "lastSequence")) {
            if (System.nanoTime() > deadlineNs) {
                throw new DemoFailure("the journal is not written: " + journal);
            }
            Thread.sleep(20);
            journal = Json.object(rest.get("/api/v1/journal"));
        }
    }

    private void verified() {
        Said said = pvi("journal", "verify", "-o", "json");
        Map<String, @Nullable Object> report = said.code() == 0 ? Json.object(said.text()) : Map.of();
        checks.check(
                "every byte of the journal is good: " + report.get("records") + " records",
                "good".equals(report.get("result")),
                said.toString());
    }

    private void replayed(RestClient rest) {
        Map<String, @Nullable Object> guest = Json.object(rest.get("/api/v1/guests/" + Layout.GUEST));
        Said said = pvi("replay", "-o", "json");
        Map<String, @Nullable Object> report = said.text().startsWith("{") ? Json.object(said.text()) : Map.of();
        checks.check(
                "a replay of " + report.get("operations") + " operations has every status as recorded",
                said.code() == 0 && "as recorded".equals(report.get("result")),
                said.toString());
        String replayed = digest(report);
        checks.check(
                "and ends with the digest of the running service: " + guest.get("digest"),
                replayed.equals(guest.get("digest")),
                "service=" + guest.get("digest") + " replay=" + replayed);
    }

    private static String digest(Map<String, @Nullable Object> report) {
        if (report.get("guests") instanceof List<?> guests) {
            for (Object each : guests) {
                if (each instanceof Map<?, ?> guest
                        && Long.valueOf(Layout.GUEST).equals(guest.get("guest"))) {
                    return String.valueOf(guest.get("digest"));
                }
            }
        }
        return "none";
    }

    /** A bus frame that the guest took away, gave another frame, and put back. */
    private void why() {
        String bfn = "0x" + Long.toHexString(Layout.PLAYGROUND);
        Said said = pvi("replay", "why", Integer.toString(Layout.GUEST), bfn);
        List<String> lines = said.text().lines().toList();
        long unmaps = lines.stream().filter(line -> line.contains("unmap_page")).count();
        long maps = lines.stream().filter(line -> line.contains(" map_page")).count();
        out.println();
        out.println("      $ pvi replay why " + Layout.GUEST + " " + bfn + " --run-dir " + runDir);
        int shown = Math.max(lines.size() - 5, 1);
        out.println(lines.isEmpty() ? "" : lines.getFirst());
        lines.stream().skip(shown).forEach(out::println);
        checks.check(
                "it tells each operation on bfn " + bfn + ": " + maps + " maps, " + unmaps + " unmaps",
                said.code() == 0 && unmaps >= 2 && maps >= 3,
                said.toString());
    }

    private Said pvi(String... words) {
        List<String> command = new ArrayList<>(List.of(launcher.toString()));
        command.addAll(List.of(words));
        command.addAll(List.of("--run-dir", runDir.toString()));
        try {
            Process process = children.add(new ProcessBuilder(command)
                    .redirectInput(
                            ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()))
                    .redirectErrorStream(true)
                    .start());
            String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            if (!process.waitFor(COMMAND_SECONDS, TimeUnit.SECONDS)) {
                throw new DemoFailure(command + " does not end");
            }
            return new Said(process.exitValue(), text.strip());
        } catch (IOException failed) {
            throw new DemoFailure("cannot run " + command + ": " + failed.getMessage(), failed);
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
            throw new DemoFailure("interrupted", stopped);
        }
    }
}
