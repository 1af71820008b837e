package org.pviommu.server.rest;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.micronaut.http.HttpMethod;
import io.micronaut.web.router.Router;
import io.micronaut.web.router.UriRouteInfo;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.pviommu.server.TestService;
import org.pviommu.server.config.ServiceSettings;

class RequestGateTest {
    private static final Set<HttpMethod> READING = Set.of(HttpMethod.GET, HttpMethod.HEAD, HttpMethod.TRACE);
    private static final String DMA = "/api/v1/endpoints/0001:00:01.0/dma";

    private static final String VERSION =
            "GET /api/v1/version HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

    @SuppressWarnings("NullAway.Init") // set before the first test
    private static TestService service;

    @BeforeAll
    static void start() {
        service = TestService.start(ServiceSettings.defaults());
    }

    @AfterAll
    static void stop() {
        service.close();
    }

    private record Route(String method, String path) {}

    /** From the router, so that a new route cannot be forgotten. */
    private static List<Route> changingRoutes() {
        List<Route> routes = new ArrayList<>();
        Router router = service.service().http().context().getBean(Router.class);
        for (UriRouteInfo<?, ?> route : router.uriRoutes().toList()) {
            if (!READING.contains(route.getHttpMethod())) {
                String path = route.getUriMatchTemplate().toPathString().replaceAll("\\{[^}]*}", "1");
                routes.add(new Route(route.getHttpMethodName(), path));
            }
        }
        return routes;
    }

    @Test
    void F01_everyRouteThatIsNotReadingNeedsTheToken() {
        List<Route> routes = changingRoutes();

        assertTrue(routes.stream().anyMatch(r -> r.path().endsWith("/dma")), routes::toString);
        for (Route route : routes) {
            for (String wrong : List.of(
                    "",
                    "Bearer",
                    "Bearer ",
                    "Bearer wrong",
                    "bearer " + service.token(),
                    "Bearer " + service.token() + "x",
                    service.token(),
                    "Basic " + service.token())) {
                HttpResponse<String> answer = send(route.method(), route.path(), wrong);
                assertEquals(401, answer.statusCode(), () -> route + " with '" + wrong + "'");
                assertFalse(answer.body().contains(service.token()));
            }
            assertTrue(
                    send(route.method(), route.path(), "Bearer " + service.token())
                                    .statusCode()
                            != 401,
                    route::toString);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"PUT", "DELETE", "PATCH", "OPTIONS", "POST", "BREW"})
    void F01_methodsAndPathsWithoutARouteNeedItToo(String method) {
        assertEquals(401, send(method, "/api/v1/guests", "").statusCode());
        assertEquals(401, send(method, "/nowhere", "").statusCode());
    }

    @Test
    void F12_shouldSayThatAMethodIsNotAllowed() {
        HttpResponse<String> answer = send("DELETE", "/api/v1/guests", "Bearer " + service.token());

        assertEquals(405, answer.statusCode());
        ProblemAssert.isProblem(answer, 405);
    }

    /** It is unpacked before the gate is asked, so anybody could fill the log with errors that are not ours. */
    @Test
    void F03_shouldRefuseABodyThatCannotBeUnpacked() throws IOException {
        String body = "{\"op\":\"read\",\"iova\":\"0x0\",\"length\":1}";
        String request = "POST " + DMA + " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                + "Content-Encoding: gzip\r\nContent-Length: " + body.length() + "\r\nConnection: close\r\n";

        String trusted = service.overTcp(request + "Authorization: Bearer " + service.token() + "\r\n\r\n" + body);
        String stranger = service.overTcp(request + "\r\n" + body);

        assertTrue(trusted.startsWith("HTTP/1.1 400"), trusted);
        assertTrue(stranger.startsWith("HTTP/1.1 4"), stranger);
    }

    @Test
    void F05_shouldBoundTheConnectionsOfEachListener() throws IOException {
        URI url = URI.create(service.service().http().url());
        List<SocketChannel> held = new ArrayList<>();
        try {
            for (int i = 0; i < ConnectionLimit.MAX_CONNECTIONS + 8; i++) {
                held.add(SocketChannel.open(new InetSocketAddress(url.getHost(), url.getPort())));
            }

            assertEquals(-1, held.getLast().read(ByteBuffer.allocate(1)), "beyond the limit: closed at once");
            assertTrue(service.overUnixSocket(VERSION).startsWith("HTTP/1.1 200"), "the operator still gets in");
        } finally {
            for (SocketChannel channel : held) {
                channel.close();
            }
        }
        assertTrue(answersAgain(), "closed connections are not counted");
    }

    /** The service learns of a closed connection a little later. */
    private static boolean answersAgain() {
        long deadlineNs = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
        while (System.nanoTime() - deadlineNs < 0) {
            try {
                if (service.overTcp(VERSION).startsWith("HTTP/1.1 200")) {
                    return true;
                }
            } catch (IOException refused) {
                Thread.onSpinWait();
            }
        }
        return false;
    }

    @Test
    void shouldHardenItsOwnRefusalsToo() throws IOException {
        assertTrue(getWithHost("evil.example").contains("X-Content-Type-Options: nosniff"));
        assertEquals(
                "nosniff",
                send("POST", DMA, "")
                        .headers()
                        .firstValue("X-Content-Type-Options")
                        .orElse(""));
    }

    @Test
    void shouldRefuseTwoAuthorizations() throws IOException {
        String answer = service.overTcp("POST " + DMA + " HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer "
                + service.token() + "\r\nAuthorization: Bearer x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");

        assertTrue(answer.startsWith("HTTP/1.1 401"), answer);
    }

    @ParameterizedTest
    @ValueSource(strings = {"localhost", "localhost:1", "127.0.0.1", "127.0.0.1:80", "[::1]", "[::1]:80"})
    void shouldAnswerToLoopbackNames(String host) throws IOException {
        assertTrue(getWithHost(host).startsWith("HTTP/1.1 200"), host);
    }

    /** The name of a page elsewhere whose DNS entry now points here. */
    @ParameterizedTest
    @ValueSource(strings = {"evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "0.0.0.0", "", "[::2]"})
    void shouldNotAnswerToOtherNames(String host) throws IOException {
        String answer = getWithHost(host);

        assertTrue(answer.startsWith("HTTP/1.1 421"), answer);
        assertFalse(answer.contains("guests"), answer);
    }

    @Test
    void shouldNotAnswerWithoutAName() throws IOException {
        String answer = service.overTcp("GET /api/v1/guests HTTP/1.1\r\nConnection: close\r\n\r\n");

        assertTrue(answer.startsWith("HTTP/1.1 4"), answer);
    }

    @Test
    void shouldAllowNoOtherSite() {
        HttpResponse<String> answer = service.send(service.request("/api/v1/guests")
                .header("Origin", "https://evil.example")
                .GET());

        assertTrue(answer.headers().firstValue("Access-Control-Allow-Origin").isEmpty());
        assertEquals(
                "nosniff", answer.headers().firstValue("X-Content-Type-Options").orElse(""));
        assertTrue(answer.headers()
                .firstValue("Content-Security-Policy")
                .orElse("")
                .startsWith("default-src 'none'"));
    }

    @Test
    void shouldTrustTheUnixSocketWithoutToken() throws IOException {
        String body = "{\"op\":\"read\",\"iova\":\"0x0\",\"length\":1}";
        String answer = service.overUnixSocket("POST " + DMA + " HTTP/1.1\r\nHost: localhost\r\n"
                + "Content-Type: application/json\r\nContent-Length: " + body.length() + "\r\nConnection: close\r\n\r\n"
                + body);

        assertTrue(answer.startsWith("HTTP/1.1 404"), answer);
        assertTrue(answer.contains("endpoint=0001:00:01.0 belongs to no connected guest"), answer);
    }

    private static HttpResponse<String> send(String method, String path, String authorization) {
        HttpRequest.Builder request = service.request(path).method(method, HttpRequest.BodyPublishers.noBody());
        return service.send(authorization.isEmpty() ? request : request.header("Authorization", authorization));
    }

    private static String getWithHost(String host) throws IOException {
        return service.overTcp("GET /api/v1/guests HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n\r\n");
    }
}
