package org.pviommu.server.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.RandomAccessFile;
import java.io.StringWriter;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.pviommu.journal.store.JournalReader;
import org.pviommu.journal.store.JournalSettings;
import org.pviommu.journal.store.JournalStore;
import org.pviommu.server.Json;
import org.pviommu.server.TestGuest;
import org.pviommu.server.TestService;
import org.pviommu.server.Text;
import org.pviommu.server.config.ServiceSettings;

/** The journal of a service that has stopped: guest 3 mapped 16 pages, removed 4 and mapped one of them elsewhere. */
class JournalCliTest {
    @TempDir
    @SuppressWarnings("NullAway.Init") // set before the first test
    private static Path journal;

    /** Behind a guest number below 128 and the empty name of who asked. */
    private static final int DIGEST_OFFSET = 2;

    private static long digest;

    @TempDir
    @SuppressWarnings("NullAway.Init") // set before each test
    private Path temporary;

    private record Result(int code, String out, String err) {}

    @BeforeAll
    static void record() {
        ServiceSettings defaults = ServiceSettings.defaults();
        ServiceSettings settings = defaults.withJournal(defaults.journal().at(journal));
        try (TestService service = TestService.start(settings)) {
            TestGuest guest = TestGuest.connect(service, 3, 64); // not closed: it is there when the service stops
            guest.map(0x10, 0, 16, TestGuest.READ_WRITE);
            guest.unmap(0x12, 4);
            guest.map(0x13, 0x20, 1, TestGuest.READ);
            String body = "{\"operations\":[{\"op\":\"map\",\"bfn\":\"0x10\",\"mfn\":\"0x1\",\"access\":\"rw\"}]}";
            assertEquals(200, service.post("/api/v1/guests/3/batches", body).statusCode());
            digest = Objects.requireNonNull(service.service().iommu().engine().guest(3))
                    .digest();
        }
    }

    @Test
    void shouldPrintEveryRecord() {
        List<String> lines = good("journal", "cat", journal.toString()).lines().toList();

        assertTrue(lines.getFirst().startsWith("SEQUENCE"), lines.getFirst());
        assertTrue(lines.get(1).contains("service started"), lines.get(1));
        assertTrue(lines.getLast().contains("service stopped"), lines.getLast());
        assertTrue(lines.stream().anyMatch(line -> line.contains("map_page") && line.contains("bfn 0x10 x16")));
        assertTrue(lines.stream().anyMatch(line -> line.endsWith("by rest token")), lines::toString);
    }

    @ParameterizedTest
    @CsvSource({
        "--guest 3 --status ok, 3",
        "--guest 4, 0",
        "--bfn 0x12, 2",
        "--bfn 0x10-0x1f, 4",
        "--bfn 19, 3",
        "--bfn 0x11 --status failed, 0",
        "--status failed, 1",
        "--status EADDRINUSE, 1",
        "--status -98, 1",
        "--status EINVAL, 0",
        "--context 0, 4",
        "--context 1, 0",
        "--since 1h --bfn 0x12, 2",
        "--since 2999-01-01T00:00:00Z, 0",
        "--until 2000-01-01T00:00:00Z, 0",
        "--from 1 --to 1, 1",
        "--from 2 --to 3 -n 1, 1",
        "-n 2, 2",
    })
    void shouldFilter(String filters, int records) {
        String out = good(words("journal cat " + journal + " -o jsonl " + filters));

        assertEquals(records, out.lines().count(), out);
        out.lines().forEach(Json::object);
    }

    @Test
    void shouldBeOneObjectToo() {
        Map<?, ?> all = Json.object(good("journal", "cat", journal.toString(), "-o", "json"));
        Map<?, ?> failed = Json.object(good(words("journal cat " + journal + " -o jsonl --status failed")));

        List<?> records = (List<?>) Objects.requireNonNull(all.get("records"));
        assertTrue(records.contains(failed));
        assertEquals(3L, failed.get("guest"));
        assertEquals("rest token", failed.get("by"));
        Map<?, ?> run = (Map<?, ?>) ((List<?>) Objects.requireNonNull(failed.get("runs"))).getFirst();
        assertEquals("EADDRINUSE", run.get("statusName"));
        assertEquals("0x10", run.get("bfn"));
    }

    @Test
    void shouldTellAboutItAndFindItGood() {
        Map<?, ?> info = Json.object(good("journal", "info", journal.toString(), "-o", "json"));
        Map<?, ?> verified = Json.object(good("journal", "verify", journal.toString(), "-o", "json"));

        assertEquals(1L, info.get("firstSequence"));
        assertEquals(info.get("lastSequence"), info.get("records"));
        assertEquals(4L, ((Map<?, ?>) Objects.requireNonNull(info.get("kinds"))).get("slice"));
        assertEquals("good", verified.get("result"));
        assertEquals(info.get("records"), verified.get("records"));
        assertTrue(good("journal", "info", journal.toString()).contains("lastSequence"));
    }

    @Test
    void shouldReplayToTheSameDigest() {
        Map<?, ?> replayed = Json.object(good("replay", journal.toString(), "-o", "json", "--dump"));

        assertEquals("as recorded", replayed.get("result"));
        assertEquals(
                List.of(Map.of("guest", 3L, "mappedPages", 13L, "digest", Text.hex(digest))), replayed.get("guests"));
        assertEquals(3, ((List<?>) Objects.requireNonNull(replayed.get("mappings"))).size());
        assertTrue(good("replay", journal.toString()).contains("replay: as recorded"));
    }

    /** A journal that is whole, and says of one record that it led to other mappings than it did. */
    @Test
    void shouldTellTheFirstDifference() {
        Path other = temporary.resolve("other");
        long record = sequenceOf("unmap_page", "0x12 x4");
        try (JournalReader reader = JournalReader.open(journal);
                JournalStore store =
                        JournalStore.open(JournalSettings.builder(other).build())) {
            while (reader.next()) {
                byte[] payload = reader.payload().toArray(ValueLayout.JAVA_BYTE);
                if (reader.sequence() == record) {
                    payload[DIGEST_OFFSET] ^= 1;
                }
                assertTrue(store.reserve(1, payload.length, true));
                store.append(reader.kind(), MemorySegment.ofArray(payload), payload.length);
            }
        }

        assertTrue(good("journal", "verify", other.toString()).contains("good"));
        for (String model : List.of("", " --model")) {
            Result result = run(words("replay " + other + model));
            assertEquals(ExitCode.REFUSED, result.code(), result.out());
            assertTrue(
                    result.out().contains("record " + record + ": the state after it: expected digest="), result.out());
            assertTrue(result.out().contains("replay: DIFFERENT"), result.out());
            assertEquals(
                    ExitCode.DONE,
                    run(words("replay " + other + " --until " + (record - 1) + model))
                            .code());
        }
    }

    @Test
    void shouldReplayOnTheModelToo() {
        Map<?, ?> engine = Json.object(good("replay", journal.toString(), "-o", "json", "--dump"));
        Map<?, ?> model = Json.object(good("replay", journal.toString(), "-o", "json", "--dump", "--model"));

        assertEquals(engine.get("guests"), model.get("guests"));
        assertEquals(engine.get("mappings"), model.get("mappings"));
    }

    @Test
    void shouldStopTheReplayWhereAsked() {
        long mapped = sequenceOf("map_page", "0x10 x16");
        Map<?, ?> then = Json.object(
                good("replay", journal.toString(), "-o", "json", "--dump", "--until", Long.toString(mapped)));

        assertEquals(mapped, then.get("lastSequence"));
        assertEquals(
                List.of(Map.of(
                        "guest",
                        3L,
                        "context",
                        0L,
                        "firstBfn",
                        "0x10",
                        "lastBfn",
                        "0x1f",
                        "firstMfn",
                        "0x0",
                        "pages",
                        16L,
                        "access",
                        "rw")),
                then.get("mappings"));
    }

    private static long sequenceOf(String... parts) {
        String line = good("journal", "cat", journal.toString())
                .lines()
                .filter(each -> Stream.of(parts).allMatch(each::contains))
                .findFirst()
                .orElseThrow();
        return Long.parseLong(line.substring(0, line.indexOf(' ')));
    }

    @ParameterizedTest
    @ValueSource(strings = {"3 0x13", "3:0 19"})
    void shouldSayWhy(String about) {
        String out = good(words("replay why " + journal + " " + about));

        List<String> what = out.lines().map(line -> line.replaceAll(" +", " ")).toList();
        assertTrue(what.stream().anyMatch(line -> line.contains(" 3 OK - map_page bfn 0x13 -> mfn 0x3 rw")), out);
        assertTrue(what.stream().anyMatch(line -> line.contains(" 1 OK - unmap_page bfn 0x13")), out);
        assertTrue(what.stream().anyMatch(line -> line.contains(" 0 OK - map_page bfn 0x13 -> mfn 0x20 r-")), out);
        assertEquals("now: bfn 0x13 leads to mfn 0x20 r-", what.getLast());
    }

    @Test
    void shouldSayWhoAskedAndWhatWasRefused() {
        String out = good("replay", "why", journal.toString(), "3", "0x10", "-o", "jsonl");

        List<String> lines = out.lines().toList();
        Map<?, ?> last = Json.object(lines.get(lines.size() - 2));
        assertEquals("rest token", last.get("by"));
        assertEquals("EADDRINUSE", last.get("status"));
        assertEquals(Map.of("now", "bfn 0x10 leads to mfn 0x0 rw"), Json.object(lines.getLast()));
    }

    @Test
    void shouldExitWith1WhenNothingWasDoneToAFrame() {
        assertEquals(
                ExitCode.REFUSED,
                run(List.of("replay", "why", journal.toString(), "3", "0x999")).code());
    }

    @Test
    void shouldNameTheSegmentAndTheFirstBadRecord() throws IOException {
        Path copy = copy();
        long record = sequenceOf("map_page", "0x10 x16");
        Path segment = damage(copy, "rest token");

        for (String command : List.of("journal verify ", "journal cat ", "journal info ", "replay ")) {
            Result result = run(words(command + copy));

            assertEquals(ExitCode.REFUSED, result.code(), command);
            assertTrue(result.err().contains("segment=" + segment.getFileName()), result.err());
            assertTrue(result.err().matches("(?s).*first bad record=[0-9]+:.*"), result.err());
        }
        assertTrue(run(words("journal cat " + copy)).out().contains("\n" + record + " "), "good ones come before");
    }

    /** Another byte in the first file that has this text; the file. */
    private static Path damage(Path directory, String text) throws IOException {
        try (Stream<Path> files = Files.walk(directory)) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                int at = new String(Files.readAllBytes(file), java.nio.charset.StandardCharsets.ISO_8859_1)
                        .indexOf(text);
                if (at >= 0) {
                    try (RandomAccessFile open = new RandomAccessFile(file.toFile(), "rw")) {
                        open.seek(at);
                        open.write('R');
                    }
                    return file;
                }
            }
        }
        throw new AssertionError("no file has " + text);
    }

    private Path copy() throws IOException {
        Path copy = temporary.resolve("copy");
        try (Stream<Path> files = Files.walk(journal)) {
            for (Path file : files.toList()) {
                Files.copy(file, copy.resolve(journal.relativize(file)));
            }
        }
        return copy;
    }

    @Test
    @Timeout(60)
    void shouldFollow() throws InterruptedException {
        try (TestService service = TestService.start(ServiceSettings.defaults());
                TestGuest guest = TestGuest.connect(service, 5, 64)) {
            guest.map(0x10, 0, 1, TestGuest.READ_WRITE);
            StringWriter out = new StringWriter();
            Thread follower = new Thread(() -> PviCommand.run(
                    new PrintWriter(out),
                    new PrintWriter(new StringWriter()),
                    words("journal cat -f --bfn 0x77 -o jsonl --run-dir " + service.runDir())
                            .toArray(String[]::new)));
            follower.start();

            guest.map(0x77, 1, 1, TestGuest.READ_WRITE);
            await(out, "\"bfn\":\"0x77\"");
            guest.unmap(0x77, 1);
            await(out, "unmap_page");

            follower.interrupt();
            follower.join(TimeUnit.SECONDS.toMillis(20));
            assertFalse(follower.isAlive());
            assertEquals(2, out.toString().lines().count());
        }
    }

    private static void await(StringWriter out, String text) throws InterruptedException {
        long deadlineNs = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
        while (!out.toString().contains(text)) {
            assertTrue(System.nanoTime() - deadlineNs < 0, out::toString);
            Thread.sleep(10);
        }
    }

    @ParameterizedTest
    @CsvSource({
        "journal, 2",
        "journal frob, 2",
        "journal cat --bfn x /x, 2",
        "journal cat --bfn 2-1 /x, 2",
        "journal cat --status nope /x, 2",
        "journal cat --since yesterday /x, 2",
        "journal cat -n 0 /x, 2",
        "journal cat -f -o json /x, 2",
        "journal cat /x /y, 2",
        "journal cat /nowhere, 1",
        "journal info /nowhere, 1",
        "journal verify /nowhere, 1",
        "replay /nowhere, 1",
        "replay --until 0 /x, 2",
        "replay why, 2",
        "replay why 1, 2",
        "replay why /x 1 2 3, 2",
        "replay why /x one 2, 2",
        "replay why /x 1:x 2, 2",
        "replay why /x 1 -5, 2",
        "replay why /nowhere 1 2, 1",
    })
    void shouldExitWith(String line, int code) {
        Result result = run(words(line));

        assertEquals(code, result.code(), result.err());
        assertFalse(result.err().isEmpty());
        assertFalse(result.err().contains("mistake of ours"), result.err());
    }

    @Test
    void shouldAskWhichJournal() {
        assertEquals(ExitCode.USAGE, run(List.of("journal", "info")).code());
        assertEquals(ExitCode.USAGE, run(List.of("replay")).code());
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"journal --help", "journal cat --help", "journal info --help", "replay --help", "replay why -h"})
    void shouldHelpWithExamples(String line) {
        assertTrue(good(words(line)).contains(line.endsWith("l --help") ? "cat" : "xample"), line);
    }

    private static List<String> words(String line) {
        return new ArrayList<>(List.of(line.trim().split(" +")));
    }

    private static String good(String... words) {
        return good(List.of(words));
    }

    private static String good(List<String> words) {
        Result result = run(words);
        assertEquals(ExitCode.DONE, result.code(), result.err());
        return result.out();
    }

    private static Result run(List<String> words) {
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        int code = PviCommand.run(new PrintWriter(out), new PrintWriter(err), words.toArray(String[]::new));
        return new Result(code, out.toString(), err.toString());
    }
}
