package org.pviommu.server.rest;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.ValueLayout;
import java.net.http.HttpResponse;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.pviommu.server.Json;
import org.pviommu.server.TestGuest;
import org.pviommu.server.TestService;
import org.pviommu.server.config.ServiceSettings;

class DmaRouteTest {
    private static final String DMA = "/api/v1/endpoints/0003:00:01.0/dma";

    @SuppressWarnings("NullAway.Init") // set before each test
    private TestService service;

    @SuppressWarnings("NullAway.Init") // set before each test
    private TestGuest guest;

    @BeforeEach
    void start() {
        service = TestService.start(ServiceSettings.defaults());
        guest = TestGuest.connect(service, 3, 64);
        guest.map(0x10, 0, 16, TestGuest.READ_WRITE);
        guest.map(0x20, 16, 1, TestGuest.READ);
    }

    @AfterEach
    void stop() {
        guest.close();
        service.close();
    }

    @Test
    void shouldReadWhatTheGuestWrote() {
        guest.memory().set(ValueLayout.JAVA_INT_UNALIGNED, 0x1ffe, 0x04030201);

        Map<String, @Nullable Object> answer = dma("{\"op\":\"read\",\"iova\":\"0x11ffe\",\"length\":4}");

        assertEquals("01020304", answer.get("data"));
        assertEquals(4L, answer.get("movedBytes"));
        assertEquals(List.of(), answer.get("faults"));
    }

    @Test
    void shouldWriteWhereTheGuestSees() {
        Map<String, @Nullable Object> answer = dma("{\"op\":\"write\",\"iova\":\"0x10fff\",\"data\":\"c0FFEE\"}");

        assertEquals(3L, answer.get("movedBytes"));
        byte[] seen = guest.memory().asSlice(0xfff, 3).toArray(ValueLayout.JAVA_BYTE);
        assertArrayEquals(HexFormat.of().parseHex("c0ffee"), seen);
    }

    @Test
    void shouldReportRefusedPagesAsData() {
        Map<String, @Nullable Object> answer = dma("{\"op\":\"read\",\"iova\":\"0x20ff0\",\"length\":32}");

        assertEquals(16L, answer.get("movedBytes"));
        assertEquals(32L, answer.get("lengthBytes"));
        assertEquals("00".repeat(16), answer.get("data"));
        Map<?, ?> fault =
                (Map<?, ?>) Objects.requireNonNull(((List<?>) Objects.requireNonNull(answer.get("faults"))).getFirst());
        assertEquals(Map.of("sequence", 1L, "endpoint", "0003:00:01.0", "iova", "0x21000", "access", "read"), fault);
        Map<String, @Nullable Object> stats =
                Json.object(service.get("/api/v1/stats").body());
        assertEquals(1L, stats.get("faults"));
        assertEquals(List.of(fault), stats.get("recentFaults"));
    }

    @Test
    void shouldNotWriteThroughAReadOnlyPage() {
        Map<String, @Nullable Object> answer = dma("{\"op\":\"write\",\"iova\":\"0x20000\",\"data\":\"ff\"}");

        assertEquals(0L, answer.get("movedBytes"));
        assertEquals(0, guest.memory().get(ValueLayout.JAVA_BYTE, 16 << 12));
    }

    @Test
    void shouldNotReachAPageAfterItsUnmap() {
        assertEquals(
                8L, dma("{\"op\":\"read\",\"iova\":\"0x10000\",\"length\":8}").get("movedBytes"));

        guest.unmap(0x10, 1);

        assertEquals(
                0L, dma("{\"op\":\"read\",\"iova\":\"0x10000\",\"length\":8}").get("movedBytes"));
    }

    @Test
    void shouldMoveTheLargestSizes() {
        String iova = "\"iova\":\"0x10000\"";
        assertEquals(
                65_536L, dma("{\"op\":\"read\"," + iova + ",\"length\":65536}").get("movedBytes"));
        String data = "5a".repeat(28_672);
        assertEquals(
                28_672L,
                dma("{\"op\":\"write\"," + iova + ",\"data\":\"" + data + "\"}").get("movedBytes"));
    }

    @Test
    void shouldFaultBeyondTheApertureAndAtTheEndOfAllAddresses() {
        assertEquals(
                0L,
                dma("{\"op\":\"read\",\"iova\":\"0xfffffffffffffff8\",\"length\":8}")
                        .get("movedBytes"));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "{} | op is missing",
                "{\"op\":\"erase\"} | op=erase known: read, write",
                "{\"op\":\"read\",\"iova\":\"0x0\"} | op=read needs length",
                "{\"op\":\"read\",\"iova\":\"0x0\",\"length\":0} | length=0 min=1 max=65536",
                "{\"op\":\"read\",\"iova\":\"0x0\",\"length\":65537} | length=65537 min=1 max=65536",
                "{\"op\":\"read\",\"iova\":\"0x0\",\"length\":-1} | length=-1 min=1 max=65536",
                "{\"op\":\"read\",\"length\":1} | iova is missing",
                "{\"op\":\"read\",\"iova\":\"-1\",\"length\":1} | iova=-1 is not a number",
                "{\"op\":\"read\",\"iova\":\"0xfffffffffffffff8\",\"length\":9} | iova=0xfffffffffffffff8 max=0xfff",
                "{\"op\":\"read\",\"iova\":\"0x0\",\"length\":1,\"data\":\"00\"} | op=read needs length and no data",
                "{\"op\":\"write\",\"iova\":\"0x0\"} | op=write needs data and no length",
                "{\"op\":\"write\",\"iova\":\"0x0\",\"data\":\"\"} | data has hexDigits=0 min=2",
                "{\"op\":\"write\",\"iova\":\"0x0\",\"data\":\"0\"} | is not an even number of hex digits",
                "{\"op\":\"write\",\"iova\":\"0x0\",\"data\":\"zz\"} | data=zz is not",
                "{\"op\":\"read\",\"iova\":\"0x0\",\"lenth\":1} | lenth",
                "{\"op\":\"read\",\"iova\":\"0x0\",\"length\":1e400} | ''",
                "{\"op\":\"read\",\"iova\":\"0x0\",\"length\":NaN} | ''",
                "{\"op\":\"read\",\"iova\":\"0x0\",\"length\":18446744073709551616} | ''",
                "[] | ''",
                "not json | ''",
            })
    void F04_shouldNameWhatIsWrong(String body, String part) {
        String detail = ProblemAssert.isProblem(service.post(DMA, body), 400);

        assertTrue(detail.contains(part), detail);
    }

    @Test
    void F04_shouldBearDepthAndManyKeys() {
        assertEquals(
                400,
                service.post(DMA, "{\"op\":" + "[".repeat(30_000) + "]".repeat(30_000) + "}")
                        .statusCode());
        StringBuilder keys = new StringBuilder("{\"op\":\"read\"");
        for (int i = 0; i < 5_000; i++) {
            keys.append(",\"k").append(i).append("\":1");
        }
        assertEquals(400, service.post(DMA, keys + "}").statusCode());
        assertEquals("UP", Json.object(service.get("/api/v1/health").body()).get("status"));
    }

    @Test
    void F03_shouldRefuseABodyOverTheLimit() {
        String body = "{\"op\":\"write\",\"iova\":\"0x0\",\"data\":\"" + "00".repeat(40_000) + "\"}";

        HttpResponse<String> answer = service.post(DMA, body);

        ProblemAssert.isProblem(answer, 413);
    }

    @Test
    void shouldRefuseOtherContent() {
        HttpResponse<String> answer = service.send(service.request(DMA)
                .header("Authorization", "Bearer " + service.token())
                .header("Content-Type", "text/plain")
                .POST(java.net.http.HttpRequest.BodyPublishers.ofString("{}")));

        ProblemAssert.isProblem(answer, 415);
    }

    private Map<String, @Nullable Object> dma(String body) {
        HttpResponse<String> answer = service.post(DMA, body);
        assertEquals(200, answer.statusCode(), answer::body);
        return Json.object(answer.body());
    }
}
