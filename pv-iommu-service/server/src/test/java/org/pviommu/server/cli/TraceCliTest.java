package org.pviommu.server.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.pviommu.server.Json;

/** Recorded requests, by the command line, through device and engine. */
class TraceCliTest {
    private static final Path TRACES = Path.of("src/test/resources/traces");

    @TempDir
    @SuppressWarnings("NullAway.Init") // set before each test
    private Path directory;

    private record Result(int code, String out, String err) {}

    private static Result run(String... args) {
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        int code = PviCommand.run(new PrintWriter(out), new PrintWriter(err), args);
        return new Result(code, out.toString(), err.toString());
    }

    private Result runText(String text) throws IOException {
        Path file = Files.writeString(directory.resolve("trace.txt"), text);
        return run("trace", "run", file.toString());
    }

    @ParameterizedTest
    @CsvSource({
        "linux-6.12-nvme-blk-e1000e-lazy.txt, 8118, 10",
        "linux-6.12-passthrough-bypass-attach.txt, 6, 0",
        "linux-6.12-passthrough-identity-maps.txt, 8, 4",
        "linux-6.12-virtio-blk-raw-lazy.txt, 12309, 1",
        "linux-6.12-virtio-blk-raw-strict.txt, 777, 1",
    })
    void shouldAnswerWhatLinuxSent(String file, long requests, long live) {
        Result result = run("trace", "run", "-o", "json", TRACES.resolve(file).toString());

        assertEquals(ExitCode.DONE, result.code(), result.out() + result.err());
        Map<?, ?> trace = Table.objects(Json.object(result.out()), "traces").getFirst();
        assertEquals(requests, trace.get("requests"));
        assertEquals(new TreeMap<>(Map.of("OK", requests)), trace.get("statuses"));
        assertEquals(live, trace.get("liveMappings"));
        assertEquals(live == 0, "0x0".equals(trace.get("digest")));
    }

    @Test
    void shouldPrintOneLineForEachFile() {
        String file = TRACES.resolve("linux-6.12-virtio-blk-raw-strict.txt").toString();

        Result result = run("trace", "run", file, file);

        assertEquals(ExitCode.DONE, result.code());
        assertEquals(3, result.out().lines().count(), result.out());
        assertTrue(result.out().lines().skip(1).allMatch(line -> line.contains(" OK=777 ")), result.out());
    }

    @ParameterizedTest
    @CsvSource({
        "'A 1 30 0|M 1 0 fff 0 1|M 1 0 fff 0 1', INVAL=1, not every request was answered OK",
        "'A 1 30 0|M 1 0 1fff 0 1|U 1 0 fff', RANGE=1, not every request was answered OK",
        "'A 1 30 0|what', OK=1, 'unreadable lines=1, the first: line 2: record=what known: P A D M U K S #'",
        "'# nothing', -, there are no requests in it",
    })
    void shouldRefuseAndSayWhy(String lines, String statuses, String complaint) throws IOException {
        Result result = runText(lines.replace('|', '\n'));

        assertEquals(ExitCode.REFUSED, result.code());
        assertTrue(result.out().contains(statuses), result.out());
        assertTrue(result.out().endsWith(": " + complaint + System.lineSeparator()), result.out());
    }

    @Test
    void shouldSayWhatItCannotRead() {
        Result result = run("trace", "run", directory.resolve("none").toString());

        assertEquals(ExitCode.USAGE, result.code());
        assertTrue(result.err().startsWith("pvi: cannot read "), result.err());
    }
}
