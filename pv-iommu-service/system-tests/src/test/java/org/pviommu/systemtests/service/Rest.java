package org.pviommu.systemtests.service;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.pviommu.server.Json;

/**
 * What REST tells about guests. A connection per request, over the Unix socket, which is gone when the answer is there: the
 * descriptors of the service can be counted between requests.
 */
record Rest(Path socket) {
    private static final int MOST_RUNS = 4096;

    /** An answer: status and body. */
    record Answer(int status, String body) {
        Map<String, @Nullable Object> object() {
            assertEquals(200, status, body);
            return Json.object(body);
        }
    }

    /** What a bus frame reaches. */
    record Reach(long mfn, String access) {}

    Answer get(String path) {
        return send("GET " + path + " HTTP/1.0\r\nHost: localhost\r\n\r\n");
    }

    /** How many of 8 bytes a device can read there. */
    long dmaReadable(String endpoint, long bfn) {
        String body = "{\"op\":\"read\",\"iova\":\"0x" + Long.toHexString(bfn << 12) + "\",\"length\":8}";
        Answer answer = send("POST /api/v1/endpoints/" + endpoint + "/dma HTTP/1.0\r\nHost: localhost\r\n"
                + "Content-Type: application/json\r\nContent-Length: " + body.length() + "\r\n\r\n" + body);
        return answer.status() == 404 ? 0 : number(answer.object(), "movedBytes");
    }

    private Answer send(String text) {
        try (SocketChannel channel = SocketChannel.open(StandardProtocolFamily.UNIX)) {
            channel.connect(UnixDomainSocketAddress.of(socket));
            // Version 1.0: the answer comes in one piece and ends with the connection.
            ByteBuffer request = StandardCharsets.US_ASCII.encode(text);
            while (request.hasRemaining()) {
                channel.write(request);
            }
            return parse(readAll(channel));
        } catch (IOException failed) {
            throw new UncheckedIOException(text, failed);
        }
    }

    private static String readAll(SocketChannel channel) throws IOException {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        ByteBuffer buffer = ByteBuffer.allocate(64 << 10);
        while (channel.read(buffer) >= 0) {
            all.write(buffer.array(), 0, buffer.position());
            buffer.clear();
        }
        return all.toString(StandardCharsets.UTF_8);
    }

    private static Answer parse(String text) {
        int body = text.indexOf("\r\n\r\n");
        int code = text.indexOf(' ') + 1;
        return new Answer(Integer.parseInt(text.substring(code, code + 3)), text.substring(body + 4));
    }

    /** Ids of the guests that are connected. */
    List<Long> guests() {
        return list(get("/api/v1/guests").object(), "guests").stream()
                .map(guest -> number(guest, "id"))
                .toList();
    }

    /** Running, leaving or waiting. */
    String guestState(int guestId) {
        return text(get("/api/v1/guests/" + guestId).object(), "state");
    }

    boolean hasGuest(int guestId) {
        return get("/api/v1/guests/" + guestId).status() == 200;
    }

    /** Waits until the guest's death is complete. */
    void awaitGone(int guestId) {
        Guard.eventually("guest " + guestId + " is torn down", () -> !hasGuest(guestId), () -> "it is still listed");
    }

    /** A number of the guest's counters. */
    long counter(int guestId, String name) {
        return number(map(get("/api/v1/guests/" + guestId).object(), "counters"), name);
    }

    /** Pages mapped, as the address space itself says. */
    long mappedPages(int guestId) {
        return number(get("/api/v1/guests/" + guestId + "/address-spaces/0").object(), "mappedPages");
    }

    /** Everything that is mapped, by bus frame. */
    Map<Long, Reach> mappings(int guestId) {
        Map<Long, Reach> mappings = new TreeMap<>();
        String path = "/api/v1/guests/" + guestId + "/address-spaces/0/mappings?limit=" + MOST_RUNS;
        while (path != null) {
            Map<String, @Nullable Object> page = get(path).object();
            for (Map<String, @Nullable Object> run : list(page, "mappings")) {
                addRun(mappings, run);
            }
            path = (String) page.get("next");
        }
        return mappings;
    }

    private static void addRun(Map<Long, Reach> mappings, Map<String, @Nullable Object> run) {
        long firstBfn = hex(run, "firstBfn");
        long firstMfn = hex(run, "firstMfn");
        long pages = number(run, "pages");
        assertEquals(hex(run, "lastBfn"), firstBfn + pages - 1, () -> "run " + run);
        for (long i = 0; i < pages; i++) {
            mappings.put(firstBfn + i, new Reach(firstMfn + i, text(run, "access")));
        }
    }

    /** What one bus frame reaches, or null. */
    @Nullable
    Reach translate(int guestId, long bfn) {
        Answer answer = get("/api/v1/guests/" + guestId + "/address-spaces/0/translate?bfn=" + bfn);
        if (answer.status() == 404) {
            return null;
        }
        Map<String, @Nullable Object> found = answer.object();
        return new Reach(hex(found, "mfn"), text(found, "access"));
    }

    private static String text(Map<String, @Nullable Object> object, String key) {
        return (String) Objects.requireNonNull(object.get(key), key);
    }

    private static long hex(Map<String, @Nullable Object> object, String key) {
        return Long.decode(text(object, key));
    }

    private static long number(Map<String, @Nullable Object> object, String key) {
        return (Long) Objects.requireNonNull(object.get(key), key);
    }

    @SuppressWarnings("unchecked") // Json makes nothing else of an object
    private static Map<String, @Nullable Object> map(Map<String, @Nullable Object> object, String key) {
        return (Map<String, @Nullable Object>) Objects.requireNonNull(object.get(key), key);
    }

    @SuppressWarnings("unchecked") // Json makes nothing else of an array of objects
    private static List<Map<String, @Nullable Object>> list(Map<String, @Nullable Object> object, String key) {
        List<Map<String, @Nullable Object>> all = new ArrayList<>();
        for (Object each : (List<Object>) Objects.requireNonNull(object.get(key), key)) {
            all.add((Map<String, @Nullable Object>) each);
        }
        return all;
    }
}
