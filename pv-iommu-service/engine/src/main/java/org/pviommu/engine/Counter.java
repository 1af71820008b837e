package org.pviommu.engine;

import java.util.concurrent.atomic.AtomicLong;

/** A number with one writer at a time (some lock) and any number of readers without it; costs the writer a plain store. */
final class Counter {
    private final AtomicLong value = new AtomicLong();

    void add(long amount) {
        value.lazySet(value.getPlain() + amount);
    }

    /** For a number that has several writers at a time: the calls of a guest are counted before any lock is taken. */
    void addConcurrently(long amount) {
        value.getAndAdd(amount);
    }

    long get() {
        return value.get();
    }
}
