package org.pviommu.server.rest;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.pviommu.server.Json;
import org.pviommu.server.TestGuest;
import org.pviommu.server.TestService;
import org.pviommu.server.config.ServiceSettings;

/** A service that found guest 9 in its journal, and to which guest 7 is connected. */
class JournalRouteTest {
    private static final String BATCHES = "/api/v1/guests/7/batches";

    @TempDir
    @SuppressWarnings("NullAway.Init") // set before the first test
    private static Path journal;

    @SuppressWarnings("NullAway.Init") // set before the first test
    private static TestService service;

    @SuppressWarnings("NullAway.Init") // set before the first test
    private static TestGuest guest;

    @BeforeAll
    static void start() {
        ServiceSettings settings = ServiceSettings.defaults();
        ServiceSettings recorded = settings.withJournal(settings.journal().at(journal));
        try (TestService before = TestService.start(recorded)) {
            TestGuest.connect(before, 9, 64).map(0x40, 0, 5, TestGuest.READ_WRITE);
        }
        service = TestService.start(recorded);
        guest = TestGuest.connect(service, 7, 64);
        guest.map(0x100, 0, 10, TestGuest.READ_WRITE);
    }

    @AfterAll
    static void stop() {
        guest.close();
        service.close();
    }

    @Test
    void shouldListGuestsThatAreWaitedFor() {
        List<Map<?, ?>> guests = objects(body("/api/v1/guests"), "guests");

        assertEquals(
                List.of(7L, 9L), guests.stream().map(each -> each.get("id")).toList());
        assertEquals(
                List.of("running", "waiting"),
                guests.stream().map(each -> each.get("state")).toList());
        Map<?, ?> waiting = guests.get(1);
        assertEquals(waiting, body("/api/v1/guests/9"));
        assertEquals(5L, ((Map<?, ?>) Objects.requireNonNull(waiting.get("counters"))).get("mappedFrames"));
        assertEquals(List.of(9L), body("/api/v1/journal").get("waiting"));
    }

    @Test
    void shouldTellHowTheJournalIsDoing() {
        Map<String, @Nullable Object> view = body("/api/v1/journal");

        assertEquals("running", view.get("state"));
        assertEquals("clean", view.get("foundAs"));
        assertEquals(1L, view.get("firstSequence"));
        assertTrue((Long) Objects.requireNonNull(view.get("lastSequence")) > 5, view::toString);
        assertTrue((Long) Objects.requireNonNull(view.get("ringBytes")) >= 1 << 20, view::toString);
    }

    @ParameterizedTest
    @CsvSource({"1", "2", "3", "100"})
    void shouldGiveEveryRecordOnceWhateverThePageSize(int limit) {
        List<Object> sequences = new ArrayList<>();
        Object next = "/api/v1/journal/records?guest=9&limit=" + limit;
        while (next != null) {
            Map<String, @Nullable Object> page = body(next.toString());
            objects(page, "records").forEach(each -> sequences.add(Objects.requireNonNull(each.get("sequence"))));
            next = page.get("next");
        }

        assertEquals(
                objects(body("/api/v1/journal/records?guest=9&limit=512"), "records").stream()
                        .map(each -> each.get("sequence"))
                        .toList(),
                sequences);
        assertTrue(sequences.size() >= 3, sequences::toString);
    }

    @Test
    void shouldFindRecordsByWhatTheyAreAbout() {
        Map<?, ?> found = objects(body("/api/v1/journal/records?bfn=0x42-0x43&status=ok"), "records")
                .getFirst();

        assertEquals(9L, found.get("guest"));
        assertEquals(found, body("/api/v1/journal/records/" + found.get("sequence")));
        assertEquals(List.of(), objects(body("/api/v1/journal/records?bfn=0x45"), "records"));
        assertEquals(List.of(), objects(body("/api/v1/journal/records?bfn=0x42&status=failed"), "records"));
        assertEquals(List.of(), objects(body("/api/v1/journal/records?until=2000-01-01T00:00:00Z"), "records"));
    }

    @Test
    void shouldApplyABatchAndRecordWhoAsked() {
        Map<String, @Nullable Object> done = batch("""
                {"operations":[{"op":"map","bfn":"0x200","mfn":"0x1","access":"rw"},
                {"op":"map","bfn":"0x100","mfn":"0x1","access":"rw"},
                {"op":"unmap","bfn":"0x200"},
                {"op":"map","bfn":"0x200","mfn":"0x2","access":"r-"}]}""");

        assertEquals(List.of("OK", "EADDRINUSE", "OK", "OK"), names(done));
        assertEquals(1L, done.get("failed"));
        assertEquals(true, done.get("complete"));
        assertEquals(
                "0x2",
                body("/api/v1/guests/7/address-spaces/0/translate?bfn=0x200").get("mfn"));
        Map<String, @Nullable Object> record = body("/api/v1/journal/records/" + done.get("journalIndex"));
        assertEquals("rest token", record.get("by"));
        assertEquals("mixed", record.get("operation"));
        assertEquals(body("/api/v1/guests/7").get("digest"), record.get("digest"));
        assertEquals(
                List.of("OK"),
                names(batch("{\"operations\":[{\"op\":\"unmap\",\"bfn\":512}]}".replace("512", "\"512\""))));
    }

    @Test
    void shouldApplyRanges() {
        Map<String, @Nullable Object> mapped = batch(
                "{\"operations\":[{\"op\":\"mapRange\",\"bfn\":\"0x400\",\"mfn\":\"0x10\",\"pages\":16,\"access\":\"rw\"}]}");
        Map<String, @Nullable Object> removed = batch(
                "{\"context\":0,\"operations\":[{\"op\":\"unmapRange\",\"bfn\":\"0x400\",\"pages\":16}],\"defer\":false}");

        assertEquals(
                List.of(16L),
                operations(mapped).stream().map(each -> each.get("pagesDone")).toList());
        assertEquals(
                List.of(16L),
                operations(removed).stream().map(each -> each.get("pagesDone")).toList());
    }

    @Test
    void shouldRecordWhoAskedOverTheUnixSocket() throws IOException {
        String json = "{\"operations\":[{\"op\":\"unmap\",\"bfn\":\"0x999\"}]}";
        String answer = service.overUnixSocket("POST " + BATCHES + " HTTP/1.1\r\nHost: localhost\r\n"
                + "Content-Type: application/json\r\nContent-Length: " + json.length() + "\r\nConnection: close\r\n\r\n"
                + json);

        assertTrue(answer.startsWith("HTTP/1.1 200"), answer);
        Map<String, @Nullable Object> done = Json.object(answer.substring(answer.indexOf("\r\n\r\n") + 4));
        assertEquals(
                "rest user=" + System.getProperty("user.name"),
                String.valueOf(body("/api/v1/journal/records/" + done.get("journalIndex"))
                                .get("by"))
                        .replaceAll(" group=.+", ""));
    }

    @Test
    void shouldSayWhatWasRecordedOfARefusedRequest() {
        HttpResponse<String> nothing =
                service.post("/api/v1/guests/7/grants/revoke", "{\"grantee\":7,\"granteeFirstMfn\":\"0x1\"}");

        ProblemAssert.isProblem(nothing, 404);
        assertFalse(nothing.body().contains("journalIndex"), nothing.body());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "{} | 400 | operations=0 min=1 max=512",
                "{\"operations\":[]} | 400 | operations=0",
                "{\"operations\":[{}]} | 400 | op is missing",
                "{\"operations\":[{\"op\":\"frob\",\"bfn\":\"1\"}]} | 400 | op=frob known",
                "{\"operations\":[{\"op\":\"unmap\"}]} | 400 | bfn is missing",
                "{\"operations\":[{\"op\":\"unmap\",\"bfn\":\"1\",\"mfn\":\"1\"}]} | 400 | has no mfn",
                "{\"operations\":[{\"op\":\"map\",\"bfn\":\"1\",\"mfn\":\"1\"}]} | 400 | access is missing",
                "{\"operations\":[{\"op\":\"map\",\"bfn\":\"1\",\"mfn\":\"1\",\"access\":\"-w\"}]} | 400 | access=-w",
                "{\"operations\":[{\"op\":\"unmapRange\",\"bfn\":\"1\",\"pages\":0}]} | 400 | pages=0 min=1",
                "{\"operations\":[{\"op\":\"unmapRange\",\"bfn\":\"1\",\"pages\":1},{\"op\":\"unmap\",\"bfn\":\"1\"}]} | 400 | in one batch",
                "{\"operations\":[{\"op\":\"unmap\",\"bfn\":\"1\"}],\"context\":65536} | 400 | context=65536",
                "{\"operations\":[{\"op\":\"unmap\",\"bfn\":\"1\"}],\"context\":5} | 404 | address space 5",
                "{\"operations\":[{\"op\":\"unmap\",\"bfn\":\"1\"}],\"x\":5} | 400 | x",
            })
    void shouldNameWhatIsWrongWithABatch(String body, int status, String part) {
        String detail = ProblemAssert.isProblem(service.post(BATCHES, body), status);

        assertTrue(detail.contains(part), detail);
    }

    @Test
    void shouldBoundABatch() {
        String one = "{\"op\":\"unmap\",\"bfn\":\"0x9999999999\"}";
        String all = "{\"operations\":[" + (one + ",").repeat(BatchArray.MAX_OPERATIONS - 1) + one;

        assertEquals(BatchArray.MAX_OPERATIONS, operations(batch(all + "]}")).size());
        String detail = ProblemAssert.isProblem(service.post(BATCHES, all + "," + one + "]}"), 400);
        assertTrue(detail.contains("operations=513 min=1 max=512"), detail);
    }

    @ParameterizedTest
    @CsvSource({
        "records?from=0, 400, from=0 min=1",
        "records?from=x, 400, from=x",
        "records?limit=0, 400, limit=0 min=1",
        "records?limit=513, 400, limit=513 max=0x200",
        "records?guest=-1, 400, guest=-1",
        "records?bfn=z, 400, bfn=z",
        "records?status=EFROB, 400, status=EFROB",
        "records?since=noon, 400, since=noon",
        "records/0, 400, index=0 min=1",
        "records/x, 400, index=x",
        "records/9223372036854775807, 404, last=",
    })
    void shouldNameWhatIsWrong(String path, int status, String part) {
        String detail = ProblemAssert.isProblem(service.get("/api/v1/journal/" + path), status);

        assertTrue(detail.contains(part), detail);
    }

    @Test
    void shouldSayThatNothingIsRecorded() {
        ServiceSettings settings = ServiceSettings.defaults();
        try (TestService without = TestService.start(
                        settings.withJournal(settings.journal().off()));
                TestGuest alone = TestGuest.connect(without, 7, 64)) {
            alone.map(1, 1, 1, TestGuest.READ);
            assertTrue(without.get("/api/v1/journal").body().contains("\"state\":\"off\""));
            ProblemAssert.isProblem(without.get("/api/v1/journal/records"), 404);
            assertTrue(without.get("/prometheus").body().contains("pvi_guests 1.0"));
            String done = without.post(BATCHES, "{\"operations\":[{\"op\":\"unmap\",\"bfn\":\"1\"}]}")
                    .body();
            assertTrue(done.contains("\"journalIndex\":null"), done);
        }
    }

    @Test
    void shouldTellPrometheus() {
        HttpResponse<String> answer = service.get("/prometheus");
        List<String> lines = answer.body().lines().toList();

        assertEquals(200, answer.statusCode());
        assertTrue(answer.headers().firstValue("Content-Type").orElse("").startsWith("text/plain"));
        assertTrue(lines.contains("pvi_guests 1.0"), answer.body());
        assertTrue(lines.contains("pvi_guests_waiting 1.0"), answer.body());
        assertTrue(lines.contains("pvi_journal_state{state=\"running\"} 1.0"), answer.body());
        for (String name : List.of("pvi_calls_total", "pvi_mapped_frames", "pvi_held_frames", "pvi_owed_frames")) {
            List<String> series =
                    lines.stream().filter(line -> line.startsWith(name + "{")).toList();
            assertEquals(1, series.size(), name);
            assertTrue(series.getFirst().startsWith(name + "{guest=\"7\"} "), series.toString());
        }
        assertTrue(lines.stream().anyMatch(line -> line.startsWith("pvi_build_info{")), answer.body());
        assertTrue(lines.stream().anyMatch(line -> line.startsWith("jvm_memory_used_bytes{")), answer.body());
        assertEquals(200, service.get("/prometheus").statusCode());
    }

    private static Map<String, @Nullable Object> batch(String body) {
        HttpResponse<String> answer = service.post(BATCHES, body);
        assertEquals(200, answer.statusCode(), answer::body);
        return Json.object(answer.body());
    }

    private static List<Map<?, ?>> operations(Map<?, ?> done) {
        return objects(done, "operations");
    }

    private static List<?> names(Map<?, ?> done) {
        return operations(done).stream().map(each -> each.get("name")).toList();
    }

    private static Map<String, @Nullable Object> body(String path) {
        HttpResponse<String> answer = service.get(path);
        assertEquals(200, answer.statusCode(), answer::body);
        return Json.object(answer.body());
    }

    private static List<Map<?, ?>> objects(Map<?, ?> from, String name) {
        List<Map<?, ?>> objects = new ArrayList<>();
        ((List<?>) Objects.requireNonNull(from.get(name)))
                .forEach(each -> objects.add((Map<?, ?>) Objects.requireNonNull(each)));
        return objects;
    }
}
