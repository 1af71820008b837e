package org.pviommu.server.rest;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.micronaut.http.sse.Event;
import java.io.IOException;
import java.io.InputStream;
import java.net.http.HttpClient;
import java.net.http.HttpResponse;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.pviommu.server.TestGuest;
import org.pviommu.server.TestService;
import org.pviommu.server.config.ServiceSettings;
import org.reactivestreams.Subscriber;
import org.reactivestreams.Subscription;

@Timeout(120)
class EventStreamTest {
    private static final String END = "";

    /** Reads lines on a thread of its own. */
    private static final class Reader implements AutoCloseable {
        private final HttpClient http = HttpClient.newHttpClient();
        private final BlockingQueue<String> lines = new LinkedBlockingQueue<>();
        private final InputStream body;

        Reader(TestService service) {
            try {
                HttpResponse<InputStream> answer = http.send(
                        service.request("/api/v1/events").GET().build(), HttpResponse.BodyHandlers.ofInputStream());
                assertEquals(200, answer.statusCode());
                assertTrue(
                        answer.headers().firstValue("Content-Type").orElse("").startsWith("text/event-stream"));
                body = answer.body();
            } catch (IOException | InterruptedException failed) {
                throw new AssertionError(failed);
            }
            Thread thread = new Thread(this::read);
            thread.setDaemon(true);
            thread.start();
        }

        private void read() {
            try (InputStream in = body) {
                StringBuilder line = new StringBuilder();
                for (int b = in.read(); b >= 0; b = in.read()) {
                    if (b == '\n') {
                        lines.add(line + "\n");
                        line.setLength(0);
                    } else {
                        line.append((char) b);
                    }
                }
            } catch (IOException closed) {
                // as good as the end
            }
            lines.add(END);
        }

        /** The next line that has this text; null when there is none before the end. */
        @Nullable
        String await(String text) {
            try {
                while (true) {
                    String line = lines.poll(30, TimeUnit.SECONDS);
                    assertNotNull(line, text);
                    if (line.equals(END) || line.contains(text)) {
                        return line.equals(END) ? null : line;
                    }
                }
            } catch (InterruptedException stopped) {
                throw new AssertionError(stopped);
            }
        }

        @Override
        public void close() {
            http.shutdownNow();
        }
    }

    @Test
    void shouldTellWhatWasRecordedAndEndWithTheService() {
        TestService service = TestService.start(ServiceSettings.defaults());
        TestGuest guest = TestGuest.connect(service, 7, 64);
        try (Reader reader = new Reader(service)) {
            assertNotNull(reader.await("event: alive"));
            guest.map(0x123, 0, 3, TestGuest.READ_WRITE);

            String data = reader.await("0x123");
            assertNotNull(data);
            assertTrue(data.startsWith("data: {\"sequence\":"), data);
            assertTrue(data.contains("\"operation\":\"map_page\""), data);

            service.service().iommu().faults().fault(1, 2, true);
            service.service().iommu().recording().fault(0x0007_0008, 0x5000, true);
            assertNotNull(reader.await("event: fault"));
            assertNotNull(reader.await("0x5000"));

            long beganNs = System.nanoTime();
            service.close();
            assertNull(reader.await("no such text"));
            assertTrue(System.nanoTime() - beganNs < TimeUnit.SECONDS.toNanos(10), "the stop waited for a reader");
        }
    }

    /** A connection that is silent for ten seconds is closed; this one has something to say all the time. */
    @Test
    void shouldOutliveTheTimeoutOfSilentConnections() throws InterruptedException {
        try (TestService service = TestService.start(ServiceSettings.defaults());
                Reader reader = new Reader(service)) {
            Thread.sleep(TimeUnit.SECONDS.toMillis(14));
            try (TestGuest guest = TestGuest.connect(service, 7, 64)) {
                guest.map(0x321, 0, 1, TestGuest.READ_WRITE);
                assertNotNull(reader.await("0x321"));
            }
        }
    }

    @Test
    void shouldBoundTheReadersAndForgetThoseThatLeft() throws InterruptedException {
        try (TestService service = TestService.start(ServiceSettings.defaults())) {
            List<Reader> readers = new ArrayList<>();
            for (int i = 0; i < EventFeed.MAX_CLIENTS; i++) {
                readers.add(new Reader(service));
            }

            String detail = ProblemAssert.isProblem(service.get("/api/v1/events"), 503);
            assertEquals("readers of events=16 max=16", detail);

            readers.forEach(Reader::close);
            EventFeed feed = service.service().http().context().getBean(EventFeed.class);
            long deadlineNs = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
            while (feed.clients() > 0) {
                assertTrue(System.nanoTime() - deadlineNs < 0, "left: " + feed.clients());
                Thread.sleep(20);
            }
            new Reader(service).close();
        }
    }

    /** A reader that takes one event and then nothing: its queue is bounded, and it learns how many it missed. */
    @Test
    void shouldTellASlowReaderHowMuchItMissed() {
        EventClient client = new EventClient(gone -> {});
        Taker taker = new Taker();
        client.subscribe(taker);
        int events = EventClient.MAX_QUEUED + 40;

        for (int i = 0; i < events; i++) {
            client.offer(Event.of("" + i));
        }
        client.missed(2);
        taker.take(1);
        assertEquals(List.of("{\"missed\":42}"), taker.got);

        taker.take(Long.MAX_VALUE);
        assertEquals(1 + EventClient.MAX_QUEUED, taker.got.size());
        assertEquals("40", taker.got.get(1));
        assertEquals("" + (events - 1), taker.got.getLast());
        assertFalse(taker.complete);
        client.end();
        assertTrue(taker.complete);
    }

    private static final class Taker implements Subscriber<Event<String>> {
        private final List<String> got = new ArrayList<>();
        private @Nullable Subscription subscription;
        private boolean complete;

        void take(long n) {
            assertNotNull(subscription);
            subscription.request(n);
        }

        @Override
        public void onSubscribe(Subscription newSubscription) {
            subscription = newSubscription;
        }

        @Override
        public void onNext(Event<String> event) {
            got.add(event.getData());
        }

        @Override
        public void onError(Throwable failure) {
            throw new AssertionError(failure);
        }

        @Override
        public void onComplete() {
            complete = true;
        }
    }
}
