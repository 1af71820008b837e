package org.pviommu.virtio.block;

import java.util.NavigableMap;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.pviommu.engine.EndpointTranslation;

/** Mappings as a test sets them, with the engine's promise: what was removed is out of use when {@link #unmap} returns. */
public final class TestTranslation implements EndpointTranslation {
    private record Mapping(long bytes, long target, int access) {}

    private volatile NavigableMap<Long, Mapping> mappings = new TreeMap<>();
    private final AtomicLong generation = new AtomicLong();
    private final AtomicInteger openSections = new AtomicInteger();
    private final AtomicLong sections = new AtomicLong();
    private volatile boolean bypass;

    /** Maps {@code bytes} from {@code iova}. */
    public synchronized void map(long iova, long bytes, long target, int access) {
        NavigableMap<Long, Mapping> next = new TreeMap<>(mappings);
        next.put(iova, new Mapping(bytes, target, access));
        mappings = next;
        generation.incrementAndGet();
    }

    /** Removes the mapping that begins at {@code iova} and waits for whoever may be using it. */
    public void unmap(long iova) {
        synchronized (this) {
            NavigableMap<Long, Mapping> next = new TreeMap<>(mappings);
            if (next.remove(iova) == null) {
                throw new IllegalArgumentException("iova=" + iova);
            }
            mappings = next;
            generation.incrementAndGet();
        }
        // A section that saw the old mappings was open before; when none is open it has ended.
        while (openSections.get() != 0) {
            if (Thread.currentThread().isInterrupted()) { // a test's time is over
                throw new IllegalStateException("a section stays open");
            }
            Thread.onSpinWait();
        }
    }

    /** Identity, or what is mapped. */
    public void bypass(boolean on) {
        bypass = on;
        generation.incrementAndGet();
    }

    int openSections() {
        return openSections.get();
    }

    long sections() {
        return sections.get();
    }

    @Override
    public int enter() {
        sections.incrementAndGet();
        return openSections.incrementAndGet();
    }

    @Override
    public void exit(int section) {
        openSections.decrementAndGet();
    }

    @Override
    public boolean translate(long iova, int access, Piece into) {
        if (openSections.get() == 0) {
            throw new IllegalStateException("iova=0x" + Long.toHexString(iova) + " outside of any section");
        }
        if (bypass) {
            into.set(iova, Long.MAX_VALUE);
            return true;
        }
        var below = mappings.floorEntry(iova);
        if (below == null) {
            return false;
        }
        Mapping mapping = below.getValue();
        long offset = iova - below.getKey();
        if (offset >= mapping.bytes() || (mapping.access() & access) != access) {
            return false;
        }
        into.set(mapping.target() + offset, mapping.bytes() - offset);
        return true;
    }

    @Override
    public long generation() {
        return generation.get();
    }

    @Override
    public boolean isBypass() {
        return bypass;
    }
}
