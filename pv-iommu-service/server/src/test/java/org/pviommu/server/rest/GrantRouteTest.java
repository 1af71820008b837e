package org.pviommu.server.rest;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.ValueLayout;
import java.net.http.HttpResponse;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.pviommu.server.Json;
import org.pviommu.server.TestGuest;
import org.pviommu.server.TestService;
import org.pviommu.server.config.ConfigFile;

/** Guests 3 and 4 with 64 pages each; none accepts grants, which the operator need not care about. */
class GrantRouteTest {
    private static final String GIVE = "/api/v1/guests/3/grants";
    private static final String REVOKE = GIVE + "/revoke";
    private static final String BODY =
            "{\"firstMfn\":\"0x4\",\"pages\":8,\"grantee\":4,\"granteeFirstMfn\":\"0x100\",\"access\":\"rw\"}";
    private static final String TAKE = "{\"grantee\":4,\"granteeFirstMfn\":\"0x100\"}";
    private static final String TAKE_ALL = "{\"grantee\":4,\"granteeFirstMfn\":\"0x100\",\"force\":true}";

    @SuppressWarnings("NullAway.Init") // set before the first test
    private static TestService service;

    @SuppressWarnings("NullAway.Init") // set before each test
    private TestGuest owner;

    @SuppressWarnings("NullAway.Init") // set before each test
    private TestGuest grantee;

    @BeforeAll
    static void start() {
        service = TestService.start(ConfigFile.parse("guests: {3: {reserved-mfns: [40]}}"));
    }

    @AfterAll
    static void stop() {
        service.close();
    }

    @BeforeEach
    void connect() {
        owner = TestGuest.connect(service, 3, 64);
        grantee = TestGuest.connect(service, 4, 64);
    }

    @AfterEach
    void leave() {
        owner.close();
        grantee.close();
    }

    @Test
    void shouldGiveFramesThatTheGranteesDeviceReaches() {
        owner.memory().set(ValueLayout.JAVA_INT_UNALIGNED, 0x5000, 0x04030201);

        HttpResponse<String> given = service.post(GIVE, BODY);

        assertEquals(201, given.statusCode(), given::body);
        assertEquals(grant(false, 0), Json.object(given.body()));
        grantee.map(0x10, 0x101, 1, TestGuest.READ_WRITE);
        assertEquals("01020304", dma(0x10000).get("data"));
        assertEquals(List.of(grant(false, 1)), list("/api/v1/grants", "grants"));
        assertEquals(List.of(grant(false, 1)), list("/api/v1/guests/3/grants", "given"));
        assertEquals(List.of(), list("/api/v1/guests/3/grants", "received"));
        assertEquals(List.of(), list("/api/v1/guests/4/grants", "given"));
        assertEquals(List.of(grant(false, 1)), list("/api/v1/guests/4/grants", "received"));
        assertEquals(
                List.of(region("0x0", "0x3f", 64, false), region("0x100", "0x107", 8, true)),
                list("/api/v1/guests/4", "regions"));
    }

    @Test
    void shouldGiveReadOnly() {
        assertEquals(201, service.post(GIVE, BODY.replace("rw", "r-")).statusCode());

        grantee.map(0x10, 0x101, 1, TestGuest.READ);

        assertEquals("r-", only(list("/api/v1/grants", "grants")).get("access"));
    }

    @Test
    void shouldTakeBackWithAndWithoutForce() {
        service.post(GIVE, BODY);
        grantee.map(0x10, 0x101, 1, TestGuest.READ_WRITE);

        HttpResponse<String> taken = service.post(REVOKE, TAKE);

        assertEquals(200, taken.statusCode(), taken::body);
        assertEquals(List.of(grant(true, 1)), Json.object(taken.body()).get("given"));
        assertEquals(4L, dma(0x10000).get("movedBytes"));
        assertEquals(200, service.post(REVOKE, TAKE_ALL).statusCode());
        assertEquals(0L, dma(0x10000).get("movedBytes"));
        assertEquals(List.of(grant(true, 0)), list("/api/v1/grants", "grants"));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "/api/v1/guests/9/grants | '' | 404 | guest=9 is not connected",
                "/api/v1/guests/03/grants | '' | 400 | guest=03",
                "/api/v1/guests/3/grants | \"grantee\":4 -> \"grantee\":9 | 404 | guest=9 is not connected",
                "/api/v1/guests/3/grants | \"grantee\":4 -> \"grantee\":-1 | 404 | guest=-1 is not connected",
                "/api/v1/guests/3/grants | \"grantee\":4 -> \"grantee\":4294967296 | 400 | ''",
                "/api/v1/guests/3/grants | \"grantee\":4, ->  | 400 | grantee is missing",
                "/api/v1/guests/3/grants | \"pages\":8, ->  | 400 | pages is missing",
                "/api/v1/guests/3/grants | \"firstMfn\":\"0x4\", ->  | 400 | firstMfn is missing",
                "/api/v1/guests/3/grants | ,\"access\":\"rw\" ->  | 400 | access is missing",
                "/api/v1/guests/3/grants | \"rw\" -> \"-w\" | 400 | access=-w known: r-, rw",
                "/api/v1/guests/3/grants | 0x100 -> zz | 400 | granteeFirstMfn=zz is not a number",
                "/api/v1/guests/3/grants | \"pages\":8 -> \"pags\":8 | 400 | pags",
                "/api/v1/guests/3/grants | \"pages\":8 -> \"pages\":0 | 422 | pages=0 min=1",
                "/api/v1/guests/3/grants | \"pages\":8 -> \"pages\":-1 | 422 | pages=-1 min=1",
                "/api/v1/guests/3/grants | \"pages\":8 -> \"pages\":61 | 422 | no region with mfns 4 pages=61",
                "/api/v1/guests/3/grants | \"0x4\" -> \"0xffffffffffffffff\" | 422 | firstMfn=18446744073709551615",
                "/api/v1/guests/3/grants | \"0x4\" -> \"0x28\" | 422 | mfn=40 belongs to the hypervisor",
                "/api/v1/guests/3/grants | \"0x100\" -> \"0x10000000000\" | 422 | firstMfn=1099511627776 max=",
                "/api/v1/guests/4/grants | '' | 422 | owner=4 grantee=4",
                "/api/v1/guests/3/grants | 0x100 -> 0x3f | 409 | overlap registered mfns 0..63",
            })
    void shouldNameWhatIsWrong(String path, String change, int status, String part) {
        String[] parts = change.split("->", -1);
        String body = parts.length < 2 ? BODY : BODY.replace(parts[0].strip(), parts[1].strip());

        String detail = ProblemAssert.isProblem(service.post(path, body), status);

        assertTrue(detail.contains(part), detail);
        assertEquals(List.of(), list("/api/v1/grants", "grants"));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "/api/v1/guests/9/grants/revoke | {\"grantee\":4,\"granteeFirstMfn\":\"0x100\"} | 404 | guest=9",
                "/api/v1/guests/3/grants/revoke | {\"grantee\":9,\"granteeFirstMfn\":\"0x100\"} | 404 | guest=9",
                "/api/v1/guests/3/grants/revoke | {\"grantee\":4,\"granteeFirstMfn\":\"0x101\"} | 404 | mfn=257 of guest=4",
                "/api/v1/guests/4/grants/revoke | {\"grantee\":4,\"granteeFirstMfn\":\"0x100\"} | 404 | guest=4 has granted",
                "/api/v1/guests/3/grants/revoke | {\"grantee\":4} | 400 | granteeFirstMfn is missing",
                "/api/v1/guests/3/grants/revoke | {\"granteeFirstMfn\":\"0x100\"} | 400 | grantee is missing",
            })
    void shouldNameWhatIsWrongWithARevocation(String path, String body, int status, String part) {
        service.post(GIVE, BODY);

        String detail = ProblemAssert.isProblem(service.post(path, body), status);

        assertTrue(detail.contains(part), detail);
        assertEquals(List.of(grant(false, 0)), list("/api/v1/grants", "grants"));
    }

    @Test
    void shouldSayThatAGuestIsBeingRemoved() {
        service.post(GIVE, BODY);
        grantee.map(0x10, 0x101, 1, TestGuest.READ_WRITE);
        owner.close();

        String detail = ProblemAssert.isProblem(service.post(GIVE, BODY.replace("0x100", "0x200")), 409);

        assertTrue(detail.contains("guest=3 is gone"), detail);
        assertEquals(List.of(grant(true, 1)), list("/api/v1/guests/3/grants", "given"));
        assertEquals(200, service.post(REVOKE, TAKE).statusCode());
        assertEquals(200, service.get("/api/v1/guests/3").statusCode(), "its memory is still within reach");
        assertEquals(200, service.post(REVOKE, TAKE_ALL).statusCode());
        assertEquals(0L, dma(0x10000).get("movedBytes"));
        assertEquals(404, service.get("/api/v1/guests/3").statusCode());
    }

    @Test
    void F01_shouldNeedTheToken() {
        HttpResponse<String> answer = service.send(service.request(GIVE)
                .header("Content-Type", "application/json")
                .POST(java.net.http.HttpRequest.BodyPublishers.ofString(BODY)));

        ProblemAssert.isProblem(answer, 401);
        assertEquals(List.of(), list("/api/v1/grants", "grants"));
    }

    private static Map<String, Object> grant(boolean revoked, long holds) {
        Map<String, Object> grant = new TreeMap<>(Map.of("owner", 3L, "firstMfn", "0x4", "lastMfn", "0xb"));
        grant.putAll(Map.of("grantee", 4L, "granteeFirstMfn", "0x100", "granteeLastMfn", "0x107"));
        grant.putAll(Map.of("pages", 8L, "access", "rw", "revoked", revoked, "holds", holds));
        return grant;
    }

    private static Map<String, Object> region(String first, String last, long pages, boolean granted) {
        return Map.of("firstMfn", first, "lastMfn", last, "pages", pages, "granted", granted);
    }

    private static Map<String, @Nullable Object> dma(long iova) {
        HttpResponse<String> answer = service.post(
                "/api/v1/endpoints/0004:00:01.0/dma", "{\"op\":\"read\",\"iova\":\"" + iova + "\",\"length\":4}");
        assertEquals(200, answer.statusCode(), answer::body);
        return Json.object(answer.body());
    }

    private static List<?> list(String path, String name) {
        HttpResponse<String> answer = service.get(path);
        assertEquals(200, answer.statusCode(), answer::body);
        return (List<?>) Objects.requireNonNull(Json.object(answer.body()).get(name));
    }

    private static Map<?, ?> only(List<?> list) {
        assertEquals(1, list.size());
        return (Map<?, ?>) Objects.requireNonNull(list.getFirst());
    }
}
