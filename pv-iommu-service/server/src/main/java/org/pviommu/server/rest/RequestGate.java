package org.pviommu.server.rest;

import io.micronaut.core.annotation.Order;
import io.micronaut.http.HttpHeaders;
import io.micronaut.http.HttpMethod;
import io.micronaut.http.HttpRequest;
import io.micronaut.http.HttpResponse;
import io.micronaut.http.HttpStatus;
import io.micronaut.http.MediaType;
import io.micronaut.http.MutableHttpResponse;
import io.micronaut.http.annotation.RequestFilter;
import io.micronaut.http.annotation.ResponseFilter;
import io.micronaut.http.annotation.ServerFilter;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.pviommu.server.Text;

/**
 * The rules every request meets before routing, whatever its path: it must be meant for this host (a page of another
 * site whose name resolves to 127.0.0.1 sends that name), and it must carry the token unless it only reads or came over
 * the Unix socket of the run directory, which only the operator can open.
 */
@ServerFilter(ServerFilter.MATCH_ALL_PATTERN)
@Order(Integer.MIN_VALUE)
final class RequestGate {
    private static final Set<String> LOOPBACK_NAMES = Set.of("localhost", "127.0.0.1", "[::1]");
    private static final Set<HttpMethod> READING = Set.of(HttpMethod.GET, HttpMethod.HEAD);

    private final AdminToken token;

    RequestGate(AdminToken token) {
        this.token = token;
    }

    /** Null lets the request through. */
    @RequestFilter
    @Nullable
    HttpResponse<?> check(HttpRequest<?> request) {
        List<String> hosts = request.getHeaders().getAll(HttpHeaders.HOST);
        if (hosts.size() != 1 || !LOOPBACK_NAMES.contains(withoutPort(hosts.getFirst()))) {
            return refuse(
                    HttpStatus.MISDIRECTED_REQUEST,
                    "Host=" + Text.quote(String.join(",", hosts)) + " known: localhost, 127.0.0.1, [::1]");
        }
        if (!READING.contains(request.getMethod()) && !Peer.cameOverUnixSocket(request) && !hasToken(request)) {
            return refuse(
                            HttpStatus.UNAUTHORIZED,
                            "method=" + Text.quote(request.getMethodName())
                                    + " needs the token of the run directory: Authorization: Bearer TOKEN")
                    .header(HttpHeaders.WWW_AUTHENTICATE, "Bearer");
        }
        return null;
    }

    /** For every answer but those of {@link #check}, which come before this is asked. */
    @ResponseFilter
    void answer(MutableHttpResponse<?> response) {
        harden(response);
    }

    /** The page may load nothing from elsewhere; answers are about this moment and are not to be kept or guessed at. */
    private static void harden(MutableHttpResponse<?> response) {
        response.header(
                "Content-Security-Policy",
                "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
        response.header("X-Content-Type-Options", "nosniff");
        response.header("Referrer-Policy", "no-referrer");
        response.header(HttpHeaders.CACHE_CONTROL, "no-store");
    }

    private boolean hasToken(HttpRequest<?> request) {
        List<String> values = request.getHeaders().getAll(HttpHeaders.AUTHORIZATION);
        return values.size() == 1 && token.isIn(values.getFirst());
    }

    private static String withoutPort(String host) {
        int colon = host.lastIndexOf(':');
        return colon > host.lastIndexOf(']') ? host.substring(0, colon) : host;
    }

    private static MutableHttpResponse<Problem> refuse(HttpStatus status, String detail) {
        MutableHttpResponse<Problem> refusal = HttpResponse.<Problem>status(status)
                .body(ProblemErrors.of(status, detail))
                .contentType(MediaType.APPLICATION_JSON_PROBLEM_TYPE);
        harden(refusal);
        return refusal;
    }
}
