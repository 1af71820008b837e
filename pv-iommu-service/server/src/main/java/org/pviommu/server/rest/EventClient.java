package org.pviommu.server.rest;

import io.micronaut.http.sse.Event;
import java.util.ArrayDeque;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Publisher;
import org.reactivestreams.Subscriber;
import org.reactivestreams.Subscription;

/**
 * One reader of the event stream. What it has not taken yet waits in a queue of {@value #MAX_QUEUED} events; beyond that the
 * oldest go, and how many they were is the next thing it is told.
 *
 * <p>Threads: any; events go out one at a time.
 */
final class EventClient implements Publisher<Event<String>>, Subscription {
    static final int MAX_QUEUED = 256;

    private static final long SUBSCRIBES_WITHIN_NS = TimeUnit.SECONDS.toNanos(10);

    private final Consumer<EventClient> onEnd;
    private final long madeNs = System.nanoTime();
    private final ArrayDeque<Event<String>> queue = new ArrayDeque<>();
    /** How many asked to drain since somebody began to. */
    private final AtomicInteger draining = new AtomicInteger();

    private @Nullable Subscriber<? super Event<String>> subscriber;
    private long demand;
    private long missed;
    private boolean ended;

    /** With what is to happen when its reader has gone. */
    EventClient(Consumer<EventClient> onEnd) {
        this.onEnd = onEnd;
    }

    @Override
    public void subscribe(Subscriber<? super Event<String>> reader) {
        synchronized (this) {
            if (subscriber != null) {
                throw new IllegalStateException("an event stream has one reader");
            }
            subscriber = reader;
        }
        reader.onSubscribe(this);
        drain();
    }

    /** Whether it was made for a request that went away before anybody read. */
    synchronized boolean isForgotten() {
        return subscriber == null && System.nanoTime() - madeNs > SUBSCRIBES_WITHIN_NS;
    }

    /** Something happened; waits for nobody. */
    void offer(Event<String> event) {
        synchronized (this) {
            if (queue.size() == MAX_QUEUED) {
                queue.removeFirst();
                missed++;
            }
            queue.addLast(event);
        }
        drain();
    }

    /** Things happened that nobody is told of one by one. */
    synchronized void missed(long events) {
        missed += events;
    }

    /** The stream is over. */
    void end() {
        synchronized (this) {
            ended = true;
            queue.clear();
            missed = 0;
        }
        drain();
    }

    @Override
    public void request(long n) {
        synchronized (this) {
            demand = n <= 0 || demand > Long.MAX_VALUE - n ? Long.MAX_VALUE : demand + n;
        }
        drain();
    }

    @Override
    public void cancel() {
        synchronized (this) {
            queue.clear();
            demand = 0;
        }
        onEnd.accept(this);
    }

    /** Whoever comes while another thread is at it only asks it to look once more. */
    private void drain() {
        if (draining.getAndIncrement() != 0) {
            return;
        }
        int asked = 1;
        while (asked != 0) {
            Subscriber<? super Event<String>> reader = reader();
            if (reader != null) {
                for (Event<String> event = take(); event != null; event = take()) {
                    reader.onNext(event);
                }
                if (isOver()) {
                    reader.onComplete();
                }
            }
            asked = draining.addAndGet(-asked);
        }
    }

    private synchronized @Nullable Subscriber<? super Event<String>> reader() {
        return subscriber;
    }

    private synchronized @Nullable Event<String> take() {
        if (demand == 0) {
            return null;
        }
        Event<String> next =
                missed > 0 ? Event.of("{\"missed\":" + missed + "}").name("missed") : queue.pollFirst();
        if (missed > 0) {
            missed = 0;
        }
        if (next != null && demand != Long.MAX_VALUE) {
            demand--;
        }
        return next;
    }

    /** True once. */
    private synchronized boolean isOver() {
        boolean over = ended;
        ended = false;
        return over;
    }
}
