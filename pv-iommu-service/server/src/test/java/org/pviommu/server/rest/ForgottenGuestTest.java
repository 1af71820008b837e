package org.pviommu.server.rest;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.pviommu.server.Json;
import org.pviommu.server.TestGuest;
import org.pviommu.server.TestService;
import org.pviommu.server.cli.ExitCode;
import org.pviommu.server.cli.PviCommand;
import org.pviommu.server.config.ServiceSettings;

/** A service that found guest 9 in its journal, which may never come back. */
class ForgottenGuestTest {
    @TempDir
    Path journal;

    private TestService service;

    @BeforeEach
    void startTwice() {
        ServiceSettings settings = ServiceSettings.defaults();
        ServiceSettings recorded = settings.withJournal(settings.journal().at(journal));
        try (TestService before = TestService.start(recorded)) {
            TestGuest.connect(before, 9, 64).map(0x40, 0, 5, TestGuest.READ_WRITE);
        }
        service = TestService.start(recorded);
    }

    @AfterEach
    void stop() {
        service.close();
    }

    private HttpResponse<String> delete(String path) {
        return service.send(service.request(path)
                .header("Authorization", "Bearer " + service.token())
                .DELETE());
    }

    private int status(String path) {
        return service.get(path).statusCode();
    }

    @Test
    void shouldForgetAGuestThatIsWaitedFor() {
        assertEquals(200, status("/api/v1/guests/9"));

        assertEquals(204, delete("/api/v1/guests/9").statusCode());

        assertEquals(404, status("/api/v1/guests/9"));
        assertEquals(
                List.of(), Json.object(service.get("/api/v1/journal").body()).get("waiting"));
        assertEquals(404, delete("/api/v1/guests/9").statusCode(), "only once");
    }

    @Test
    void shouldRecordWhoForgotIt() {
        assertEquals(204, delete("/api/v1/guests/9").statusCode());

        String records =
                service.get("/api/v1/journal/records?guest=9&limit=500").body();
        assertTrue(records.contains("rest token"), records);
    }

    @Test
    void shouldLetTheGuestComeAnew() {
        assertEquals(204, delete("/api/v1/guests/9").statusCode());

        try (TestGuest anew = TestGuest.connect(service, 9, 64)) {
            anew.map(0x40, 7, 1, TestGuest.READ_WRITE);
            assertEquals(409, delete("/api/v1/guests/9").statusCode(), "it is connected");
        }
    }

    @Test
    void shouldNeedTheToken() {
        HttpRequest.Builder request = service.request("/api/v1/guests/9").DELETE();

        assertEquals(401, service.send(request).statusCode());
        assertEquals(200, status("/api/v1/guests/9"));
    }

    @Test
    void shouldForgetFromTheCommandLine() {
        assertEquals(ExitCode.DONE, pvi("guest", "forget", "9"));
        assertEquals(ExitCode.REFUSED, pvi("guest", "forget", "9"));
    }

    private int pvi(String... words) {
        List<String> all = new ArrayList<>(List.of(words));
        all.addAll(List.of("--run-dir", service.runDir().toString()));
        StringWriter said = new StringWriter();
        return PviCommand.run(new PrintWriter(said), new PrintWriter(said), all.toArray(String[]::new));
    }
}
