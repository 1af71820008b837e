package org.pviommu.server.rest;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.http.HttpResponse;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.pviommu.server.Json;
import org.pviommu.server.TestGuest;
import org.pviommu.server.TestService;
import org.pviommu.server.config.ConfigFile;

/** A real engine and simulated host behind a running server. Guest 7 has 64 pages and one endpoint. */
class RestRoutesTest {
    private static final String SPACE = "/api/v1/guests/7/address-spaces/0";

    @SuppressWarnings("NullAway.Init") // set before the first test
    private static TestService service;

    @SuppressWarnings("NullAway.Init") // set before the first test
    private static TestGuest guest;

    @BeforeAll
    static void start() {
        service = TestService.start(ConfigFile.parse("""
                backend: {simulated: {last-bfn: 0xfffff}}
                guests:
                  7: {endpoints: [{id: 0000:07:00.0, reserved: [{first: 0xfee00, last: 0xfeeff, kind: msi}]}]}
                """));
        guest = TestGuest.connect(service, 7, 64);
        guest.map(0x100, 0, 10, TestGuest.READ_WRITE);
        guest.map(0x200, 20, 4, TestGuest.READ);
        guest.map(0x204, 30, 1, TestGuest.READ_WRITE);
    }

    @AfterAll
    static void stop() {
        guest.close();
        service.close();
    }

    @Test
    void shouldListGuests() {
        Map<String, @Nullable Object> listed = only(body("/api/v1/guests"), "guests");

        assertEquals(body("/api/v1/guests/7"), listed);
        assertEquals(7L, listed.get("id"));
        assertEquals(List.of("0000:07:00.0"), listed.get("endpoints"));
        assertEquals(
                List.of(Map.of("firstMfn", "0x0", "lastMfn", "0x3f", "pages", 64L, "granted", false)),
                listed.get("regions"));
        assertEquals(15L, object(listed, "counters").get("mappedFrames"));
        assertEquals(15L, object(listed, "counters").get("maps"));
    }

    @Test
    void shouldListAddressSpaces() {
        Map<String, @Nullable Object> listed = only(body("/api/v1/address-spaces"), "addressSpaces");

        assertEquals(body(SPACE), listed);
        assertEquals(15L, listed.get("mappedPages"));
        assertEquals(0L, listed.get("owedPages"));
        assertEquals("0xfffff", listed.get("lastBfn"));
    }

    @Test
    void shouldListMappingsAsRuns() {
        Map<String, @Nullable Object> page = body(SPACE + "/mappings");

        assertEquals(
                List.of(
                        run("0x100", "0x109", "0x0", 10, "rw"),
                        run("0x200", "0x203", "0x14", 4, "r-"),
                        run("0x204", "0x204", "0x1e", 1, "rw")),
                page.get("mappings"));
        assertNull(page.get("next"));
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 4})
    void shouldGiveEveryRunOnceWhateverThePageSize(int limit) {
        List<Object> seen = new ArrayList<>();
        Object next = SPACE + "/mappings?limit=" + limit;
        while (next != null) {
            Map<String, @Nullable Object> page = body(next.toString());
            List<?> runs = (List<?>) page.get("mappings");
            assertTrue(runs != null && runs.size() <= limit);
            seen.addAll(runs);
            next = page.get("next");
        }

        assertEquals(body(SPACE + "/mappings").get("mappings"), seen);
    }

    @Test
    void shouldBeginWhereAsked() {
        Map<String, @Nullable Object> page = body(SPACE + "/mappings?from=0x105&limit=1");

        assertEquals(List.of(run("0x105", "0x109", "0x5", 5, "rw")), page.get("mappings"));
        assertEquals(SPACE + "/mappings?from=0x10a&limit=1", page.get("next"));
    }

    @Test
    void shouldTranslate() {
        Map<String, String> expected =
                Map.of("iova", "0x201abc", "bfn", "0x201", "mfn", "0x15", "address", "0x15abc", "access", "r-");

        assertEquals(expected, body(SPACE + "/translate?iova=0x201abc"));
        assertEquals("0x15000", body(SPACE + "/translate?bfn=513").get("address"));
    }

    @Test
    void shouldListEndpoints() {
        Map<String, @Nullable Object> endpoint = only(body("/api/v1/endpoints"), "endpoints");

        assertEquals(body("/api/v1/endpoints/0000:07:00.0"), endpoint);
        assertEquals(
                List.of(Map.of("firstBfn", "0xfee00", "lastBfn", "0xfeeff", "kind", "msi")), endpoint.get("reserved"));
    }

    @Test
    void shouldTellVersionsAndHealth() {
        assertEquals("1", body("/api/v1/version").get("api"));
        assertEquals(1L, body("/api/v1/version").get("ringProtocol"));
        assertEquals("UP", body("/api/v1/health").get("status"));
        assertEquals("UP", body("/health").get("status"));
        assertEquals("simulated", body("/api/v1/stats").get("backend"));
    }

    @Test
    void shouldServeThePageAndItsDescription() {
        assertTrue(service.get("/").body().contains("<title>PV-IOMMU service</title>"));
        assertEquals(200, service.get("/app.js").statusCode());
        assertEquals(200, service.get("/style.css").statusCode());
        assertTrue(service.get("/api/v1/spec/openapi.yml").body().contains("/api/v1/guests"));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "07",
                "-1",
                "0x7",
                "2147483648",
                "9223372036854775808",
                "18446744073709551616",
                "%D9%A7",
                "7%0d%0aX:1",
                "7%20",
                "%00",
                "seven"
            })
    void F07_shouldTakeOnlyCanonicalIds(String id) {
        String detail = ProblemAssert.isProblem(service.get("/api/v1/guests/" + id), 400);

        assertTrue(detail.startsWith("guest="), detail);
    }

    @ParameterizedTest
    @CsvSource({
        "/api/v1/guests/8, 404, guest=8",
        "/api/v1/guests/8/grants, 404, guest=8",
        "/api/v1/guests/7/address-spaces/1, 404, context=1",
        "/api/v1/guests/7/address-spaces/65536, 400, max=0xffff",
        "/api/v1/endpoints/0000:07:00.1, 404, 0000:07:00.1",
        "/api/v1/endpoints/0000:7:0.0, 400, 0000:7:0.0",
        "/api/v1/guests/7/address-spaces/0/translate, 400, exactly one",
        "/api/v1/guests/7/address-spaces/0/translate?iova=0&bfn=0, 400, exactly one",
        "/api/v1/guests/7/address-spaces/0/translate?iova=0x100000000, 400, max=0xffffffff",
        "/api/v1/guests/7/address-spaces/0/translate?bfn=0x100000, 400, max=0xfffff",
        "/api/v1/guests/7/address-spaces/0/translate?bfn=0x300, 404, bfn=0x300",
        "/api/v1/guests/7/address-spaces/0/translate?bfn=-1, 400, bfn=-1",
        "/api/v1/guests/7/address-spaces/0/mappings?limit=0, 400, limit=0 min=1",
        "/api/v1/guests/7/address-spaces/0/mappings?limit=4097, 400, limit=4097 max=0x1000",
        "/api/v1/guests/7/address-spaces/0/mappings?limit=1e9, 400, limit=1e9",
        "/api/v1/guests/7/address-spaces/0/mappings?from=zz, 400, from=zz",
        "/api/v1/guests/+7, 404, ''",
        "/api/v1/guests/7;x=1, 404, ''",
        "/nope, 404, ''",
        "/api/v1/, 404, ''",
        "/api/v1/guests/../../etc/passwd, 404, ''",
        "/..%2f..%2fetc%2fpasswd, 404, ''",
    })
    void shouldNameWhatIsWrong(String path, int status, String part) {
        String detail = ProblemAssert.isProblem(service.get(path), status);

        assertTrue(detail.contains(part), detail);
    }

    private static Map<String, @Nullable Object> body(String path) {
        HttpResponse<String> answer = service.get(path);
        assertEquals(200, answer.statusCode(), answer::body);
        return Json.object(answer.body());
    }

    private static Map<String, Object> run(String first, String last, String mfn, long pages, String access) {
        return Map.of("firstBfn", first, "lastBfn", last, "firstMfn", mfn, "pages", pages, "access", access);
    }

    private static Map<?, ?> object(Map<?, ?> from, String name) {
        return (Map<?, ?>) java.util.Objects.requireNonNull(from.get(name));
    }

    @SuppressWarnings("unchecked") // JSON objects have string keys
    private static Map<String, @Nullable Object> only(Map<String, @Nullable Object> from, String name) {
        List<?> list = (List<?>) java.util.Objects.requireNonNull(from.get(name));
        assertEquals(1, list.size());
        return (Map<String, @Nullable Object>) java.util.Objects.requireNonNull(list.getFirst());
    }
}
