package org.pviommu.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.ValueLayout;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import org.pviommu.engine.support.GuestDriver;
import org.pviommu.engine.support.RecordingHost;
import org.pviommu.engine.support.RecordingLog;
import org.pviommu.engine.support.TestMemory;

/**
 * One guest with memory on an engine with a recording host and log. {@link #close} checks what must hold after whatever a
 * test did: table, host, hold counts and quotas tell the same story.
 *
 * <p>Arrays lie at mfns {@code [ARRAY_MFN, ARRAY_MFN + ARRAY_PAGES - 1]}, data at {@code [DATA_MFN, DATA_MFN + DATA_PAGES
 * - 1]}; frame {@code RESERVED_MFN} is the hypervisor's. The aperture is {@code [0, LAST_BFN]}, the endpoint reserves
 * {@code [MSI_FIRST, MSI_LAST]}.
 */
final class Bench implements AutoCloseable {
    static final int GUEST = 7;
    static final int ENDPOINT = 0x0001_0008;
    static final long ARRAY_MFN = 0x10;
    static final int ARRAY_PAGES = 64;
    static final long DATA_MFN = 0x1000;
    static final int DATA_PAGES = 1024;
    static final long RESERVED_MFN = DATA_MFN + DATA_PAGES - 1;
    static final long LAST_BFN = 0xf_ffff;
    static final long MSI_FIRST = 0xf_ee00;
    static final long MSI_LAST = 0xf_eeff;
    /** No memory is registered here. */
    static final long NO_MFN = 0x80_0000;

    static final List<FrameRange> RESERVED_MFNS = List.of(new FrameRange(RESERVED_MFN, RESERVED_MFN));

    final RecordingHost host;
    final RecordingLog log = new RecordingLog();
    final TableMemory tables;
    final Engine engine;
    final Guest guest;
    final TestMemory arrays = new TestMemory(ARRAY_PAGES);
    final TestMemory data = new TestMemory(DATA_PAGES);
    final GuestDriver driver;
    /** The guest forgets it when it dies. */
    private final AddressSpace own;

    private final Map<Long, TestMemory> memories = new TreeMap<>();

    Bench() {
        this(policy(1 << 20, 4096, 65_536));
    }

    Bench(GuestPolicy policy) {
        this(policy, new RecordingHost(LAST_BFN, true));
    }

    Bench(GuestPolicy policy, RecordingHost host) {
        this(policy, host, List.of(endpoint()));
    }

    Bench(GuestPolicy policy, RecordingHost host, List<EndpointDescriptor> endpoints) {
        this(policy, host, endpoints, 1 << 20);
    }

    /** With {@code tablePages} pages of table memory for all guests together. */
    Bench(GuestPolicy policy, RecordingHost host, List<EndpointDescriptor> endpoints, long tablePages) {
        this.host = host;
        tables = new TableMemory(tablePages);
        engine = new Engine(host, log, tables);
        guest = engine.addGuest(GUEST, policy, endpoints);
        own = guest.ownSpace();
        register(ARRAY_MFN, ARRAY_PAGES, arrays);
        register(DATA_MFN, DATA_PAGES, data);
        driver = new GuestDriver(engine, guest, arrays, ARRAY_MFN);
        log.forget();
    }

    static EndpointDescriptor endpoint() {
        FrameRange msi = new FrameRange(MSI_FIRST, MSI_LAST);
        FrameRange outside = new FrameRange(LAST_BFN + 1, LAST_BFN + 16);
        return new EndpointDescriptor(
                ENDPOINT,
                List.of(
                        new ReservedRegion(msi, ReservedRegion.Kind.MSI),
                        new ReservedRegion(outside, ReservedRegion.Kind.RESERVED)));
    }

    static GuestPolicy policy(long maxMappedFrames, int maxTablePages, int maxHeldFrames) {
        return new GuestPolicy(true, true, 1 << 20, maxMappedFrames, maxTablePages, maxHeldFrames, 16, RESERVED_MFNS);
    }

    void register(long firstMfn, long pages, TestMemory memory) {
        guest.registerMemory(firstMfn, pages, memory);
        memories.put(firstMfn, memory);
    }

    void unregister(long firstMfn, long pages) {
        guest.unregisterMemory(firstMfn, pages);
        memories.remove(firstMfn);
    }

    AddressSpace space() {
        return own;
    }

    AddressSpace space(int context) {
        return Objects.requireNonNull(guest.addressSpace(context), () -> "no context=" + context);
    }

    RecordingHost.Space hostSpace() {
        return host.space(0);
    }

    int holds(long mfn) {
        return Objects.requireNonNull(guest.memory().find(mfn)).holds(mfn);
    }

    List<Mapping> mappings() {
        return space().mappings(0, Integer.MAX_VALUE);
    }

    /** Table pages in use, those that only wait for their grace period not counted. */
    long tablePages() {
        guest.lock().lock();
        try {
            guest.addressSpaces().forEach(each -> each.table().freeRetired());
            return guest.stats().tablePages();
        } finally {
            guest.lock().unlock();
        }
    }

    /** Writes a word at a guest address, in whatever region it is; words are aligned, so none straddles two. */
    void putLong(long guestAddress, long value) {
        TestMemory memory = memories.get(regionStart(guestAddress));
        Objects.requireNonNull(memory).segment().set(ValueLayout.JAVA_LONG, offset(guestAddress), value);
    }

    void putInt(long guestAddress, int value) {
        TestMemory memory = memories.get(regionStart(guestAddress));
        Objects.requireNonNull(memory).segment().set(ValueLayout.JAVA_INT, offset(guestAddress), value);
    }

    int getInt(long guestAddress) {
        TestMemory memory = memories.get(regionStart(guestAddress));
        return Objects.requireNonNull(memory).segment().get(ValueLayout.JAVA_INT, offset(guestAddress));
    }

    private long offset(long guestAddress) {
        return guestAddress - (regionStart(guestAddress) << 12);
    }

    private long regionStart(long guestAddress) {
        return ((TreeMap<Long, TestMemory>) memories).floorKey(guestAddress >>> 12);
    }

    /** Tables, host IOMMU, hold counts, quotas, endpoints and counters agree. */
    void check() {
        long mapped = 0;
        long owed = 0;
        for (AddressSpace each : guest.addressSpaces()) {
            mapped += checkSpace(each);
            owed += each.owedPages();
        }
        assertEquals(mapped, guest.stats().mappedFrames(), "quota in use");
        assertEquals(owed, guest.stats().heldFrames(), "held frames");
        assertEquals(mapped + owed, totalHolds(), "holds");
        checkReachableFramesAreHeld();
        checkEndpoints();
    }

    private long checkSpace(AddressSpace each) {
        RecordingHost.Space inHost = (RecordingHost.Space) each.host().watched();
        long pages = 0;
        for (Mapping run : each.mappings(0, Integer.MAX_VALUE)) {
            for (long i = 0; i < run.pages(); i++) {
                checkPage(each, run.firstBfn() + i, run.firstMfn() + i, run.access());
            }
            pages += run.pages();
        }
        assertEquals(pages, each.mappedPages(), "mapped pages");
        assertEquals(pages, inHost.mappedPages(), "pages in the host");
        if (each.gather().isEmpty()) {
            assertEquals(0, each.owedPages(), "nothing is owed without a gather");
            assertEquals(0, inHost.stalePages(), "nothing is stale without a gather");
        }
        return pages;
    }

    private void checkPage(AddressSpace each, long bfn, long mfn, int access) {
        GuestRegion region = Objects.requireNonNull(guest.memory().find(mfn));
        RecordingHost.Page page = Objects.requireNonNull(
                ((RecordingHost.Space) each.host().watched()).page(bfn), () -> "host lacks bfn=" + bfn);
        assertSame(region.memory(), page.memory());
        assertEquals((mfn - region.firstMfn()) << 12, page.offsetBytes());
        assertEquals(access, page.access());
        assertEquals(new Translation(bfn, mfn, access), each.translate(bfn));
    }

    private long totalHolds() {
        long total = 0;
        for (GuestRegion region : guest.regions()) {
            long sum = 0;
            for (long mfn = region.firstMfn(); mfn <= region.lastMfn(); mfn++) {
                sum += region.isReserved(mfn) ? 0 : region.holds(mfn);
            }
            assertEquals(sum, region.totalHolds(), "sum of the region's hold counts");
            total += sum;
        }
        return total;
    }

    /** No frame has fewer holds than there are ways for a device to reach it (catalogue I1). */
    private void checkReachableFramesAreHeld() {
        Map<Long, Integer> ways = new TreeMap<>();
        guest.addressSpaces().stream()
                .flatMap(each -> ((RecordingHost.Space) each.host().watched()).reachable())
                .forEach(page -> ways.merge(mfnOf(page), 1, Integer::sum));
        ways.forEach((mfn, count) -> assertTrue(count <= holds(mfn), "mfn=" + mfn + " is reached " + count + " times"));
    }

    @SuppressWarnings("ReferenceEquality") // a region is an object with an owner and an end, not a value
    private long mfnOf(RecordingHost.Page page) {
        for (GuestRegion region : guest.regions()) {
            if (region.memory().equals(page.memory())) {
                return region.firstMfn() + (page.offsetBytes() >>> 12);
            }
        }
        throw new AssertionError("the host reaches memory that is not registered any more");
    }

    private void checkEndpoints() {
        Set<Integer> attached = new HashSet<>();
        for (AddressSpace each : guest.addressSpaces()) {
            for (int endpoint : ((RecordingHost.Space) each.host().watched()).endpoints()) {
                assertSame(each, guest.attachment(endpoint), "endpoint=" + endpoint);
                assertTrue(attached.add(endpoint), "attached twice: endpoint=" + endpoint);
            }
        }
    }

    /** Nothing is mapped, owed, held, charged or waiting, but the root of each table. */
    void checkEmpty() {
        check();
        assertEquals(0, guest.stats().mappedFrames());
        assertEquals(0, guest.stats().heldFrames());
        assertEquals(guest.addressSpaces().size(), tablePages());
    }

    @Override
    public void close() {
        if (guest.isAlive()) {
            check();
        }
        driver.close();
        host.behave();
        engine.close();
    }
}
