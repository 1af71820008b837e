package org.pviommu.server.cli;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.pviommu.server.Json;
import org.pviommu.server.run.RunFiles;

/**
 * The service of a run directory, as its clients see it: HTTP over loopback, with the token from the directory. One at a
 * time; every call is bounded in time.
 */
public final class RestClient implements AutoCloseable {
    private static final Duration TIMEOUT = Duration.ofSeconds(10);

    private final String baseUrl;
    private final String token;
    private final HttpClient http;

    private RestClient(String baseUrl, String token) {
        this.baseUrl = baseUrl;
        this.token = token;
        this.http = HttpClient.newBuilder()
                .version(HttpClient.Version.HTTP_1_1)
                .connectTimeout(TIMEOUT)
                .build();
    }

    /**
     * Finds the service of a run directory.
     *
     * @throws CommandException when there is none
     */
    public static RestClient of(Path runDir) {
        try {
            Map<String, @Nullable Object> ready = Json.object(Files.readString(runDir.resolve(RunFiles.READY)));
            String token = Files.readString(runDir.resolve(RunFiles.TOKEN)).strip();
            return new RestClient(String.valueOf(ready.get("http")), token);
        } catch (NoSuchFileException nobody) {
            throw CommandException.unreachable(
                    "no service in run-dir=" + runDir + "; start one: pvi serve --run-dir " + runDir);
        } catch (IOException | IllegalArgumentException unreadable) {
            throw CommandException.unreachable("run-dir=" + runDir + " cannot be read: " + unreadable);
        }
    }

    /** Base URL of the service. */
    public String baseUrl() {
        return baseUrl;
    }

    /** The body of a successful GET of {@code path}, which begins with a slash. */
    public String get(String path) {
        return send(request(path).GET().build());
    }

    /** A successful DELETE. */
    public void delete(String path) {
        send(permitted(path).DELETE().build());
    }

    /** The body of a successful POST of a JSON object. */
    public String post(String path, Map<String, ?> body) {
        return send(permitted(path)
                .header("Content-Type", "application/json")
                .POST(HttpRequest.BodyPublishers.ofString(Json.write(body)))
                .build());
    }

    private HttpRequest.Builder permitted(String path) {
        return request(path).header("Authorization", "Bearer " + token);
    }

    private HttpRequest.Builder request(String path) {
        return HttpRequest.newBuilder(URI.create(baseUrl + path)).timeout(TIMEOUT);
    }

    private String send(HttpRequest request) {
        HttpResponse<String> response;
        try {
            response = http.send(request, HttpResponse.BodyHandlers.ofString());
        } catch (IOException nobody) {
            throw CommandException.unreachable("no answer from " + baseUrl + ": " + nobody);
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
            throw CommandException.unreachable("interrupted while waiting for " + baseUrl);
        }
        if (response.statusCode() / 100 != 2) {
            throw CommandException.refused(problem(response));
        }
        return response.body();
    }

    private static String problem(HttpResponse<String> response) {
        try {
            Map<String, @Nullable Object> problem = Json.object(response.body());
            return problem.get("title") + ": " + problem.get("detail");
        } catch (IllegalArgumentException notOurs) {
            return "HTTP " + response.statusCode();
        }
    }

    @Override
    public void close() {
        http.close();
    }
}
