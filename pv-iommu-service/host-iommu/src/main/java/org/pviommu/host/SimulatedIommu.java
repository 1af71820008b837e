package org.pviommu.host;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.OptionalLong;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;
import org.pviommu.engine.HostAddressSpace;
import org.pviommu.engine.HostCapabilities;
import org.pviommu.engine.HostIommu;
import org.pviommu.engine.HostIommuException;
import org.pviommu.engine.ReaderGate;

/**
 * An IOMMU in software, and the default backend: it needs no hardware and isolates for real, because the only way to
 * guest memory that it offers devices are its DMA calls.
 *
 * <p>Its table is its own and knows nothing of the engine's, so the two can be compared. Its IOTLB keeps a translation,
 * stale or not, until a flush covers it, so a missing or short flush shows in the data.
 *
 * <p>Threads: each address space has one writer at a time, as the port says; DMA and inspection run in any thread and
 * translate without a lock (a miss takes the monitor of that address space's IOTLB for the moment of the fill).
 */
public final class SimulatedIommu implements HostIommu {
    static final int PAGE_SHIFT = 12;
    static final int PAGE_BYTES = 1 << PAGE_SHIFT;
    /** 4 KiB, 2 MiB and 1 GiB, as current hardware has; an area of this table may have any number of pages. */
    private static final long PAGE_SIZE_MASK = (1L << 12) | (1L << 21) | (1L << 30);

    private final Settings settings;
    private final ReaderGate gate = new ReaderGate();
    private final EndpointBindings endpoints = new EndpointBindings();
    private final FaultLog faults = new FaultLog();
    private final DmaPath dma = new DmaPath(gate, endpoints, faults);
    private final ConcurrentSkipListMap<Long, SimulatedSpace> spaces = new ConcurrentSkipListMap<>();
    private final Iotlb iotlb = new Iotlb(spaces.values());
    /** 2^63 numbers do not run out, so none is used twice: an old entry can never pass for a new address space's. */
    private final AtomicLong nextSpaceId = new AtomicLong(1);

    private final LongAdder rangeFlushes = new LongAdder();
    private final LongAdder wholeSpaceFlushes = new LongAdder();
    private volatile boolean closed;

    /**
     * What the simulated hardware is like.
     *
     * @param lastBfn the last bus frame that can be translated, inclusive
     * @param cutsMappings whether a page can be taken out of a mapping of several; false stands for a kernel that
     *     refuses that
     * @param iotlbEntries how many translations each address space's IOTLB can hold; a full one caches no more and
     *     never evicts
     */
    public record Settings(long lastBfn, boolean cutsMappings, int iotlbEntries) {
        /** About 6 MiB of heap when full. */
        public static final int DEFAULT_IOTLB_ENTRIES = 65_536;

        /** Refuses what no table can hold; the operator's mistake. */
        public Settings {
            if (lastBfn < 0 || lastBfn > HostCapabilities.MAX_LAST_BFN) {
                throw new IllegalArgumentException("lastBfn=" + lastBfn + " max=" + HostCapabilities.MAX_LAST_BFN);
            }
            if (iotlbEntries < 0) {
                throw new IllegalArgumentException("iotlbEntries=" + iotlbEntries + " min=0");
            }
        }

        /** With an IOTLB of {@value #DEFAULT_IOTLB_ENTRIES} entries. */
        public Settings(long lastBfn, boolean cutsMappings) {
            this(lastBfn, cutsMappings, DEFAULT_IOTLB_ENTRIES);
        }

        /** 48-bit bus addresses, cuts mappings. */
        public static Settings defaults() {
            return new Settings(HostCapabilities.MAX_LAST_BFN, true);
        }

        /** The same with another aperture. */
        public Settings withLastBfn(long newLastBfn) {
            return new Settings(newLastBfn, cutsMappings, iotlbEntries);
        }

        /** The same, cutting mappings or not. */
        public Settings withCutsMappings(boolean newCutsMappings) {
            return new Settings(lastBfn, newCutsMappings, iotlbEntries);
        }
    }

    /** An IOMMU without address spaces; all endpoints are blocked. */
    public SimulatedIommu(Settings settings) {
        this.settings = settings;
    }

    @Override
    public HostCapabilities capabilities() {
        return new HostCapabilities("simulated", settings.lastBfn(), PAGE_SIZE_MASK, settings.cutsMappings());
    }

    @Override
    public HostAddressSpace createAddressSpace() {
        SimulatedSpace space = new SimulatedSpace(nextSpaceId.getAndIncrement(), this);
        spaces.put(space.id(), space);
        // Looked at after the put: either close() finds the address space in the map, or it is seen here.
        if (closed) {
            space.destroy();
            throw new HostIommuException("the simulated IOMMU is closed", HostErrno.ENODEV);
        }
        return space;
    }

    @Override
    public void onFault(FaultListener listener) {
        faults.listener(listener);
    }

    /** Destroys all address spaces, so that no DMA reaches anything any more. Idempotent. */
    @Override
    public void close() {
        closed = true;
        spaces.values().forEach(SimulatedSpace::destroy);
    }

    /**
     * A device reads memory. The buffer is filled page by page; at the first page that is refused the access ends,
     * nothing of that page has been moved (unless its memory vanished in mid-copy), and the fault is reported to the
     * listener in this thread.
     *
     * @param endpoint the device
     * @param iovaBytes bus address, any alignment, unsigned
     * @param into up to 2^31 - 1 bytes, all of which are asked for
     * @return bytes moved before the refused page; all of them when there was none
     * @throws IllegalArgumentException when {@code into} is too long or read-only
     */
    public int dmaRead(int endpoint, long iovaBytes, MemorySegment into) {
        return dma.transfer(endpoint, iovaBytes, into, false);
    }

    /** A device writes memory; as {@link #dmaRead}, in the other direction. */
    public int dmaWrite(int endpoint, long iovaBytes, MemorySegment from) {
        return dma.transfer(endpoint, iovaBytes, from, true);
    }

    /**
     * The adversary's move: caches the translation of {@code bfn} that is valid right now, as hardware may do at any
     * time without an access. Evicts nothing: an older entry of that bus frame stays instead.
     *
     * @return whether the IOTLB now holds that translation
     */
    public boolean cache(int endpoint, long bfn) {
        int section = gate.enter();
        try {
            SimulatedSpace space = endpoints.find(endpoint);
            return space != null && space.cache(bfn);
        } finally {
            gate.exit(section);
        }
    }

    /** What the table says about {@code bfn}, whatever the IOTLB holds; null when nothing is mapped or it is blocked. */
    public @Nullable IotlbEntry walk(int endpoint, long bfn) {
        SimulatedSpace space = endpoints.find(endpoint);
        return space == null ? null : space.walk(bfn);
    }

    /** The table of the address space of {@code endpoint}, ordered by bus frame; empty when it is blocked. */
    public List<Area> areas(int endpoint) {
        SimulatedSpace space = endpoints.find(endpoint);
        return space == null ? List.of() : space.areas().areas();
    }

    /** The number of the address space of {@code endpoint}, as {@link IotlbEntry#spaceId}; empty when it is blocked. */
    public OptionalLong spaceId(int endpoint) {
        SimulatedSpace space = endpoints.find(endpoint);
        return space == null ? OptionalLong.empty() : OptionalLong.of(space.id());
    }

    /** Inspection of the cached translations. */
    public Iotlb iotlb() {
        return iotlb;
    }

    /** The latest faults, at most 64, oldest first. */
    public List<DmaFault> recentFaults() {
        return faults.recent();
    }

    /** Counters for people and tests. */
    public IommuStatistics statistics() {
        return new IommuStatistics(
                spaces.size(),
                iotlb.size(),
                iotlb.hits(),
                iotlb.misses(),
                rangeFlushes.sum(),
                wholeSpaceFlushes.sum(),
                faults.count());
    }

    Settings settings() {
        return settings;
    }

    ReaderGate gate() {
        return gate;
    }

    EndpointBindings endpoints() {
        return endpoints;
    }

    void countFlush(boolean wholeSpace) {
        (wholeSpace ? wholeSpaceFlushes : rangeFlushes).increment();
    }

    void forget(SimulatedSpace space) {
        spaces.remove(space.id());
    }
}
