package org.pviommu.engine.support;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.pviommu.engine.FrameRange;
import org.pviommu.engine.GuestMemory;
import org.pviommu.engine.HostAddressSpace;
import org.pviommu.engine.HostCapabilities;
import org.pviommu.engine.HostIommu;
import org.pviommu.engine.HostIommuException;
import org.pviommu.engine.IotlbGather;
import org.pviommu.engine.support.HostCall.Kind;

/**
 * A host IOMMU with one page map per address space that remembers each call and can be told to refuse.
 *
 * <p>It is strict about what an engine must never do: map over a translation, or flush less than was removed since the
 * last flush. Either is an {@link AssertionError} in the middle of the call, so that the test that caused it fails.
 *
 * <p>A removed page is <em>stale</em> until a flush covers it, as in a device's translation cache.
 */
public final class RecordingHost implements HostIommu {
    /** What a page is translated to. */
    public record Page(GuestMemory memory, long offsetBytes, int access) {}

    private record Stale(long bfn, Page page) {}

    private static final int EBUSY = 16;

    private final HostCapabilities capabilities;
    private final List<HostCall> calls = new ArrayList<>();
    private final Map<Kind, Deque<Long>> once = new EnumMap<>(Kind.class);
    private final Map<Kind, Long> always = new EnumMap<>(Kind.class);
    private final Map<Kind, RuntimeException> failures = new EnumMap<>(Kind.class);
    private final Set<Long> uncuttable = new HashSet<>();
    private final List<Space> spaces = new ArrayList<>();
    private @Nullable Consumer<HostCall> observer;
    private int closes;

    /** A host that translates bus frames {@code [0, lastBfn]}. */
    public RecordingHost(long lastBfn, boolean cutsMappings) {
        capabilities = new HostCapabilities("recording", lastBfn, 4096, cutsMappings);
    }

    /** The next call of that kind, in the order of these requests, answers {@code result} instead of doing its work. */
    public void answerOnce(Kind kind, long result) {
        once.computeIfAbsent(kind, k -> new ArrayDeque<>()).add(result);
    }

    /** Each call of that kind answers {@code result}, until {@link #behave}. */
    public void answerAlways(Kind kind, long result) {
        always.put(kind, result);
    }

    /** The next call of that kind throws, before it does anything. */
    public void failOnce(Kind kind, RuntimeException failure) {
        failures.put(kind, failure);
    }

    /** An unmap that begins with this page is refused with -EBUSY, and one that reaches it stops before it. */
    public void refuseToCut(long bfn) {
        uncuttable.add(bfn);
    }

    /** Forgets everything it was told to refuse. */
    public void behave() {
        once.clear();
        always.clear();
        failures.clear();
        uncuttable.clear();
    }

    /** Shows each call to {@code observer} before it has an effect. */
    public void observe(Consumer<HostCall> observer) {
        this.observer = observer;
    }

    /** All calls so far. */
    public List<HostCall> calls() {
        return List.copyOf(calls);
    }

    /** The calls of one kind so far. */
    public List<HostCall> calls(Kind kind) {
        return calls.stream().filter(call -> call.kind() == kind).toList();
    }

    /** How many calls of that kind there were. */
    public int count(Kind kind) {
        return calls(kind).size();
    }

    /** Forgets the calls so far, not their effects. */
    public void forgetCalls() {
        calls.clear();
    }

    /** All calls so far, as {@link HostCall#brief}. */
    public List<String> order() {
        return calls.stream().map(HostCall::brief).toList();
    }

    /** The address space made as number {@code index}. */
    public Space space(int index) {
        return spaces.get(index);
    }

    /** How often it was closed. */
    public int closes() {
        return closes;
    }

    @Override
    public HostCapabilities capabilities() {
        return capabilities;
    }

    @Override
    public HostAddressSpace createAddressSpace() {
        Long refusal = received(HostCall.of(Kind.CREATE, -1));
        if (refusal != null) {
            throw new HostIommuException("told to refuse", (int) -refusal);
        }
        Space space = new Space(spaces.size());
        spaces.add(space);
        return space;
    }

    @Override
    public void onFault(FaultListener listener) {
        // No device here does DMA.
    }

    @Override
    public void close() {
        closes++;
    }

    /** Records the call; what to answer instead of working, or null. */
    private @Nullable Long received(HostCall call) {
        calls.add(call);
        if (observer != null) {
            observer.accept(call);
        }
        RuntimeException failure = failures.remove(call.kind());
        if (failure != null) {
            throw failure;
        }
        Deque<Long> queue = once.get(call.kind());
        if (queue != null && !queue.isEmpty()) {
            return queue.poll();
        }
        return always.get(call.kind());
    }

    /** One address space. */
    public final class Space implements HostAddressSpace {
        private final int number;
        private final Map<Long, Page> pages = new TreeMap<>();
        private final List<Stale> stale = new ArrayList<>();
        private final Set<Integer> endpoints = new HashSet<>();
        private boolean destroyed;

        private Space(int number) {
            this.number = number;
        }

        /** What a bus frame is translated to, or null. */
        public @Nullable Page page(long bfn) {
            return pages.get(bfn);
        }

        /** How many pages are translated. */
        public int mappedPages() {
            return pages.size();
        }

        /** Removed pages that no flush has covered yet. */
        public int stalePages() {
            return stale.size();
        }

        /** Whether a device could reach {@code memory}, by a translation or a stale one. */
        public boolean reaches(GuestMemory memory) {
            return reachable().anyMatch(page -> page.memory().equals(memory)); // no memory has an equals of its own
        }

        /** Everything a device could reach, by a translation or a stale one. */
        public Stream<Page> reachable() {
            return Stream.concat(pages.values().stream(), stale.stream().map(Stale::page));
        }

        /** Endpoints that are attached now. */
        public Set<Integer> endpoints() {
            return Set.copyOf(endpoints);
        }

        /** Whether it was given back. */
        public boolean isDestroyed() {
            return destroyed;
        }

        @Override
        public int map(long firstBfn, long count, GuestMemory memory, long offsetBytes, int access) {
            Long refusal =
                    received(new HostCall(Kind.MAP, number, firstBfn, count, offsetBytes, access, List.of(), false));
            if (refusal != null) {
                return refusal.intValue();
            }
            for (long i = 0; i < count; i++) {
                Page old = pages.put(firstBfn + i, new Page(memory, offsetBytes + (i << 12), access));
                if (old != null) {
                    throw new AssertionError("mapped twice: bfn=" + (firstBfn + i));
                }
            }
            return 0;
        }

        @Override
        public long unmap(long firstBfn, long count) {
            Long answer = received(HostCall.range(Kind.UNMAP, number, firstBfn, count));
            long remove = answer != null ? answer : cuttable(firstBfn, count);
            for (long i = 0; i < remove; i++) {
                Page removed = pages.remove(firstBfn + i);
                if (removed != null) {
                    stale.add(new Stale(firstBfn + i, removed));
                }
            }
            return remove;
        }

        private long cuttable(long firstBfn, long count) {
            long length = 0;
            while (length < count && !uncuttable.contains(firstBfn + length)) {
                length++;
            }
            return length == 0 ? -EBUSY : length;
        }

        @Override
        public int flush(IotlbGather gather) {
            List<FrameRange> ranges = new ArrayList<>();
            for (int i = 0; i < gather.rangeCount(); i++) {
                ranges.add(new FrameRange(gather.firstBfn(i), gather.lastBfn(i)));
            }
            Long refusal = received(new HostCall(Kind.FLUSH, number, 0, 0, 0, 0, ranges, gather.isWholeSpace()));
            if (refusal != null) {
                return refusal.intValue();
            }
            stale.removeIf(each -> gather.covers(each.bfn()));
            if (!stale.isEmpty()) {
                throw new AssertionError("the flush leaves stale " + stale);
            }
            return 0;
        }

        @Override
        public int attach(int endpoint) {
            Long refusal = received(HostCall.range(Kind.ATTACH, number, endpoint, 0));
            if (refusal == null) {
                endpoints.add(endpoint);
            }
            return refusal == null ? 0 : refusal.intValue();
        }

        @Override
        public int detach(int endpoint) {
            Long refusal = received(HostCall.range(Kind.DETACH, number, endpoint, 0));
            if (refusal == null) {
                endpoints.remove(endpoint);
            }
            return refusal == null ? 0 : refusal.intValue();
        }

        @Override
        public void destroy() {
            received(HostCall.of(Kind.DESTROY, number));
            if (destroyed || !endpoints.isEmpty() || !stale.isEmpty()) {
                throw new AssertionError("destroyed with endpoints=" + endpoints + " stale=" + stale);
            }
            destroyed = true;
        }
    }
}
