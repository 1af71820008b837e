package org.pviommu.server;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.StandardProtocolFamily;
import java.net.URI;
import java.net.UnixDomainSocketAddress;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import org.pviommu.server.config.ServiceSettings;
import org.pviommu.server.run.RunFiles;

/** A whole service in this process, on any free port and in a folder of its own, as {@code pvi serve} starts it. */
public final class TestService implements AutoCloseable {
    private static final Duration TIMEOUT = Duration.ofSeconds(20);

    private final Path directory;
    private final RunningService service;
    private final ServiceSettings settings;
    private final HttpClient http =
            HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

    private TestService(Path directory, RunningService service, ServiceSettings settings) {
        this.directory = directory;
        this.service = service;
        this.settings = settings;
    }

    public static TestService start(ServiceSettings settings) {
        try {
            // Not the build's folder: a socket's path must be shorter than 108 bytes.
            Path directory = Files.createTempDirectory("pvi-test-");
            RunningService service = RunningService.start(directory.resolve("run"), settings, Plant.NONE);
            return new TestService(directory, service, settings);
        } catch (IOException failed) {
            throw new AssertionError(failed);
        }
    }

    public RunningService service() {
        return service;
    }

    public ServiceSettings settings() {
        return settings;
    }

    public Path runDir() {
        return service.directory().path();
    }

    public String token() {
        return service.directory().token();
    }

    public HttpResponse<String> get(String path) {
        return send(request(path).GET());
    }

    /** With the token. */
    public HttpResponse<String> post(String path, String json) {
        return send(request(path)
                .header("Content-Type", "application/json")
                .header("Authorization", "Bearer " + token())
                .POST(HttpRequest.BodyPublishers.ofString(json)));
    }

    public HttpRequest.Builder request(String path) {
        return HttpRequest.newBuilder(URI.create(service.http().url() + path)).timeout(TIMEOUT);
    }

    public HttpResponse<String> send(HttpRequest.Builder request) {
        try {
            return http.send(request.build(), HttpResponse.BodyHandlers.ofString());
        } catch (IOException failed) {
            throw new AssertionError(failed);
        } catch (InterruptedException stopped) {
            throw new AssertionError(stopped);
        }
    }

    /** Sends bytes as they are over the Unix socket; all that comes back until the service closes. */
    public String overUnixSocket(String request) throws IOException {
        UnixDomainSocketAddress address = UnixDomainSocketAddress.of(runDir().resolve(RunFiles.API_SOCKET));
        try (SocketChannel channel = SocketChannel.open(StandardProtocolFamily.UNIX)) {
            channel.connect(address);
            return exchange(channel, request);
        }
    }

    /** The same over TCP. */
    public String overTcp(String request) throws IOException {
        URI url = URI.create(service.http().url());
        try (SocketChannel channel = SocketChannel.open(new InetSocketAddress(url.getHost(), url.getPort()))) {
            return exchange(channel, request);
        }
    }

    private static String exchange(SocketChannel channel, String request) throws IOException {
        channel.write(ByteBuffer.wrap(request.getBytes(StandardCharsets.ISO_8859_1)));
        ByteBuffer buffer = ByteBuffer.allocate(1 << 16);
        StringBuilder answer = new StringBuilder();
        while (channel.read(buffer) >= 0) {
            buffer.flip();
            answer.append(StandardCharsets.UTF_8.decode(buffer));
            buffer.clear();
        }
        return answer.toString();
    }

    @Override
    public void close() {
        http.close();
        service.close();
        try (Stream<Path> files = Files.walk(directory)) {
            List<Path> deepestFirst = files.sorted(Comparator.reverseOrder()).toList();
            for (Path file : deepestFirst) {
                Files.delete(file);
            }
        } catch (IOException failed) {
            throw new AssertionError(failed);
        }
    }
}
