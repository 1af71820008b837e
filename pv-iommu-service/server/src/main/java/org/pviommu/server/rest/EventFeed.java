package org.pviommu.server.rest;

import io.micronaut.http.sse.Event;
import jakarta.annotation.PreDestroy;
import jakarta.inject.Singleton;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.pviommu.journal.Journal;
import org.pviommu.journal.record.BadRecordException;
import org.pviommu.journal.store.JournalException;
import org.pviommu.server.FaultLog;
import org.pviommu.server.IommuService;
import org.pviommu.server.Json;

/**
 * Tells readers of the event stream what was recorded, after it was written. One thread looks at the journal for all of them, and
 * only while there are any; without a journal it tells refused DMA accesses.
 */
@Singleton
final class EventFeed {
    static final int MAX_CLIENTS = 16;

    private static final long LOOK_EVERY_MS = 100;
    /** Well within the ten seconds after which a silent connection is closed. */
    private static final long SAY_SOMETHING_EVERY_NS = TimeUnit.SECONDS.toNanos(3);

    private static final System.Logger LOG = System.getLogger(EventFeed.class.getName());

    private final IommuService service;
    private final List<EventClient> clients = new CopyOnWriteArrayList<>();
    private @Nullable Thread thread;
    private boolean closed;

    EventFeed(IommuService service) {
        this.service = service;
    }

    /** A new reader; what happens from now on is for it. 503 when there are {@value #MAX_CLIENTS}, or the service stops. */
    synchronized EventClient join() {
        clients.removeIf(EventClient::isForgotten);
        if (closed || clients.size() >= MAX_CLIENTS) {
            throw Refusal.unavailable("readers of events=" + clients.size() + " max=" + MAX_CLIENTS);
        }
        EventClient client = new EventClient(this::leave);
        clients.add(client);
        client.offer(alive());
        if (thread == null) {
            long from = lastSequence() + 1;
            thread = Thread.ofPlatform().daemon().name("pvi-events").start(() -> run(from));
        }
        return client;
    }

    private void leave(EventClient client) {
        clients.remove(client);
    }

    int clients() {
        return clients.size();
    }

    private long lastSequence() {
        Journal journal = service.recording().journal();
        return journal == null ? 0 : journal.store().lastSequence();
    }

    private Event<String> alive() {
        return Event.of("{\"lastSequence\":" + lastSequence() + "}").name("alive");
    }

    private void run(long from) {
        boolean over = false;
        try (Source source = source(from)) {
            long saidNs = System.nanoTime();
            for (over = isOver(); !over; over = isOver()) {
                JournalTail.Look look = source.look();
                tell(look);
                if (System.nanoTime() - saidNs > SAY_SOMETHING_EVERY_NS) {
                    saidNs = System.nanoTime();
                    clients.forEach(client -> client.offer(alive()));
                }
                Thread.sleep(LOOK_EVERY_MS);
            }
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
        } catch (JournalException | BadRecordException unreadable) {
            LOG.log(System.Logger.Level.ERROR, "no more events: the journal cannot be read", unreadable);
        } finally {
            if (!over) {
                endAll();
            }
        }
    }

    private void tell(JournalTail.Look look) {
        for (EventClient client : clients) {
            client.missed(look.missed());
            look.events().forEach(client::offer);
        }
    }

    /** The decision that nobody is there any more; whoever joins after it starts a new thread. */
    private synchronized boolean isOver() {
        if (closed || clients.isEmpty()) {
            thread = null;
            return true;
        }
        return false;
    }

    private void endAll() {
        List<EventClient> left;
        synchronized (this) {
            thread = null;
            left = List.copyOf(clients);
            clients.clear();
        }
        left.forEach(EventClient::end);
    }

    /** The service stops: streams end in good order. */
    @PreDestroy
    void close() {
        Thread running;
        synchronized (this) {
            closed = true;
            running = thread;
        }
        clients.forEach(EventClient::end);
        clients.clear();
        if (running != null) {
            join(running);
        }
    }

    /** The reader of the journal's files must be closed before the journal is. */
    private static void join(Thread running) {
        try {
            running.join(TimeUnit.SECONDS.toMillis(5));
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
        }
    }

    /** Where events come from. */
    private interface Source extends AutoCloseable {
        JournalTail.Look look();

        @Override
        default void close() {}
    }

    private Source source(long from) {
        if (service.recording().journal() == null) {
            return new Faults(service.faults());
        }
        JournalTail tail = new JournalTail(service.recording().directory(), from);
        return new Source() {
            @Override
            public JournalTail.Look look() {
                return tail.look();
            }

            @Override
            public void close() {
                tail.close();
            }
        };
    }

    /** Refused accesses that nobody records. */
    private static final class Faults implements Source {
        private final FaultLog log;
        private long seen;

        Faults(FaultLog log) {
            this.log = log;
            this.seen = log.total();
        }

        @Override
        public JournalTail.Look look() {
            List<FaultLog.Fault> fresh = log.newest().stream()
                    .filter(fault -> fault.sequence() > seen)
                    .toList()
                    .reversed();
            if (fresh.isEmpty()) {
                return new JournalTail.Look(List.of(), 0);
            }
            long missed = fresh.getFirst().sequence() - seen - 1;
            seen = fresh.getLast().sequence();
            List<Event<String>> events = fresh.stream()
                    .map(fault -> Event.of(Json.write(Views.fault(fault))).name("fault"))
                    .toList();
            return new JournalTail.Look(events, missed);
        }
    }
}
