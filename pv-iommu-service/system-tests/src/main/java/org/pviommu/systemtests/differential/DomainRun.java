package org.pviommu.systemtests.differential;

import static org.pviommu.systemtests.differential.Divergence.check;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Random;
import org.pviommu.engine.Access;
import org.pviommu.engine.BatchLog;
import org.pviommu.engine.DomainExecutor;
import org.pviommu.engine.EndpointDescriptor;
import org.pviommu.engine.EndpointTranslation;
import org.pviommu.engine.Engine;
import org.pviommu.engine.FrameRange;
import org.pviommu.engine.Guest;
import org.pviommu.engine.GuestPolicy;
import org.pviommu.engine.RangeMapping;
import org.pviommu.engine.RequestStatus;
import org.pviommu.engine.ReservedRegion;
import org.pviommu.host.SimulatedIommu;

/**
 * Random requests to a virtio-iommu device, compared with {@link DomainModel}: each status, what devices read through the simulated host
 * IOMMU and its IOTLB, where our own endpoints are led, the mappings, the digest and the counts.
 */
public final class DomainRun {
    private static final int GUEST = 5;
    private static final long LAST_BFN = 0xffff;
    private static final int MAX_CONTEXTS = 6;
    private static final List<Integer> GOVERNED = List.of(1, 2, 3, 4, 5);
    private static final FrameRange HYPERVISORS = new FrameRange(0x48, 0x49);
    private static final long[] PLACES = {0x20, 0x40, 0x60, 0x100};
    private static final long REGION_PAGES = 0x20;
    private static final int BFNS = 0x60;
    private static final int DOMAINS = 5;
    private static final int BATCHES_BETWEEN_COMPARISONS = 64;

    private final Random random;
    private final long requests;
    private final SimulatedIommu host = new SimulatedIommu(new SimulatedIommu.Settings(LAST_BFN, false));
    private final Engine engine = new Engine(host, BatchLog.none());
    private final DomainModel model;
    private final Guest guest;
    private final DomainExecutor device;
    private final MemorySegment buffer = Arena.ofAuto().allocate(Long.BYTES);
    private final EndpointTranslation.Piece piece = new EndpointTranslation.Piece();
    private final long[] seen = new long[RequestStatus.NOMEM + 1];
    private long done;
    private long batches;
    private long dmaReads;
    private long nextFrame = 1;

    /**
     * Prepares a run.
     *
     * @param seed repeats it exactly
     * @param requests how many
     */
    public DomainRun(long seed, long requests) {
        this.random = new Random(seed);
        this.requests = requests;
        List<EndpointDescriptor> endpoints = List.of(
                new EndpointDescriptor(1, List.of(reserved(0x50, 0x51, ReservedRegion.Kind.MSI))),
                new EndpointDescriptor(2, List.of()),
                new EndpointDescriptor(3, 3, List.of()),
                new EndpointDescriptor(4, 3, List.of(reserved(0x58, 0x58, ReservedRegion.Kind.RESERVED))),
                new EndpointDescriptor(5, List.of(reserved(0x50, 0x50, ReservedRegion.Kind.IDENTITY))));
        GuestPolicy policy = new GuestPolicy(
                true, true, 1 << 20, 1 << 20, 4096, 64 + random.nextInt(64), MAX_CONTEXTS, List.of(HYPERVISORS));
        model = new DomainModel(endpoints, HYPERVISORS, MAX_CONTEXTS - 1, LAST_BFN);
        guest = engine.addGuest(GUEST, policy, endpoints);
        device = new DomainExecutor(engine, guest, GOVERNED, false);
        register(PLACES[0]);
        register(PLACES[1]);
    }

    private static ReservedRegion reserved(long first, long last, ReservedRegion.Kind kind) {
        return new ReservedRegion(new FrameRange(first, last), kind);
    }

    /** How many requests were compared. */
    public long requestsDone() {
        return done;
    }

    /** How many of them had that status. */
    public long seen(int status) {
        return seen[status];
    }

    /** How many reads of devices came to memory. */
    public long dmaReads() {
        return dmaReads;
    }

    /** Runs to the end; throws at the first difference. */
    public void run() {
        while (done < requests) {
            step();
        }
        compareAll();
        finish();
    }

    private void step() {
        int what = random.nextInt(200);
        if (what == 0) {
            model.bypass = random.nextBoolean();
            device.setBypass(model.bypass);
        } else if (what == 1) {
            device.reset();
            model.reset();
        } else if (what < 6) {
            memory();
        } else {
            batch();
        }
        if (++batches % BATCHES_BETWEEN_COMPARISONS == 0) {
            compareAll();
        }
    }

    private void batch() {
        int count = 1 + random.nextInt(random.nextInt(20) == 0 ? 64 : 6);
        for (int i = 0; i < count; i++) {
            request();
        }
        check(device.endBatch(), "the flush failed");
        model.endBatch();
        check(guest.heldFrames() == 0, "held=%d after a flush", guest.heldFrames());
        for (int i = 0; i < 4; i++) {
            compareDma(1 + random.nextInt(GOVERNED.size()), random.nextInt(BFNS));
            compareTranslation(1 + random.nextInt(GOVERNED.size()), iova());
        }
    }

    private void request() {
        int domain = random.nextInt(DOMAINS) == 0 ? -1 : random.nextInt(DOMAINS);
        int endpoint = random.nextInt(7);
        boolean option = random.nextInt(8) == 0;
        int what = random.nextInt(32);
        long first = iova();
        long last = first + length() - 1;
        long target = random.nextInt(12) == 0 ? -1L - random.nextInt(0x8000) : address(0x150);
        int access = random.nextInt(4);
        if (what < 2) {
            compare(
                    "attach",
                    domain,
                    endpoint,
                    device.attach(domain, endpoint, option),
                    model.attach(domain, endpoint, option));
        } else if (what < 3) {
            compare("detach", domain, endpoint, device.detach(domain, endpoint), model.detach(domain, endpoint));
        } else if (what < 20) {
            compare(
                    "map",
                    first,
                    last,
                    device.map(domain, first, last, target, access, option),
                    model.map(domain, first, last, target, access, option));
        } else {
            long end = random.nextInt(10) == 0 ? -1 : random.nextInt(8) == 0 ? first - 1 : last + 2 * length();
            compare("unmap", first, end, device.unmap(domain, first, end), model.unmap(domain, first, end));
        }
    }

    private void compare(String what, long a, long b, int got, int expected) {
        check(got == expected, "%s %x %x: expected=%d got=%d", what, a, b, expected, got);
        seen[got]++;
        done++;
    }

    private long iova() {
        return switch (random.nextInt(40)) {
            case 0 -> -1L - random.nextInt(0x3000); // the end of 64 bits
            case 1 -> (LAST_BFN - 1) << 12; // the end of the aperture
            default -> address(BFNS);
        };
    }

    /** Mostly the beginning of a frame. */
    private long address(int frames) {
        return ((long) random.nextInt(frames) << 12) + (random.nextInt(8) == 0 ? random.nextInt(4096) : 0);
    }

    private long length() {
        return random.nextInt(6) == 0 ? 1 + random.nextInt(9000) : (1L + random.nextInt(6)) << 12;
    }

    private void register(long firstMfn) {
        FrameMemory memory = new FrameMemory(nextFrame, REGION_PAGES, closed -> {});
        nextFrame += REGION_PAGES;
        guest.registerMemory(firstMfn, REGION_PAGES, memory);
        model.register(firstMfn, REGION_PAGES, memory);
    }

    private void memory() {
        long place = PLACES[random.nextInt(PLACES.length)];
        for (DomainModel.Region region : model.regions) {
            if (region.firstMfn() == place) {
                leave(region);
                return;
            }
        }
        register(place);
    }

    /** Asks whether it may go, where nothing leads there, and otherwise does not ask. */
    private void leave(DomainModel.Region region) {
        if (!model.isHeld(region) && random.nextBoolean()) {
            guest.unregisterMemory(region.firstMfn(), REGION_PAGES);
        } else {
            check(guest.loseMemory(region.firstMfn(), REGION_PAGES), "the memory was not let go of");
        }
        check(region.memory().isClosed(), "the memory is still there");
        model.lose(region);
    }

    private void compareDma(int endpoint, long bfn) {
        long expected = model.hostFrame(endpoint, bfn);
        buffer.set(ValueLayout.JAVA_LONG, 0, -1);
        int read = host.dmaRead(endpoint, bfn << 12, buffer);
        long got = read > 0 ? buffer.get(ValueLayout.JAVA_LONG, 0) : -1;
        check(got == expected, "endpoint=%d bfn=%x: expected frame=%d got=%d", endpoint, bfn, expected, got);
        dmaReads += got < 0 ? 0 : 1;
    }

    private void compareTranslation(int endpoint, long iova) {
        int access = 1 + random.nextInt(Access.READ_WRITE);
        EndpointTranslation translation = guest.translation(endpoint);
        int section = translation.enter();
        long got;
        long length;
        try {
            got = translation.translate(iova, access, piece) ? piece.target() : -1;
            length = piece.lengthBytes();
        } finally {
            translation.exit(section);
        }
        long expected = model.target(endpoint, iova, access);
        check(got == expected, "endpoint=%d iova=%x: expected=%x got=%x", endpoint, iova, expected, got);
        if (got != -1) {
            long lastIova = iova + length - 1;
            check(
                    model.target(endpoint, lastIova, access) == got + length - 1,
                    "endpoint=%d iova=%x length=%x ends elsewhere",
                    endpoint,
                    iova,
                    length);
        }
    }

    private void compareAll() {
        check(guest.digest() == model.digest(GUEST), "digest");
        check(
                guest.mappedFrames() == model.mappedFrames(),
                "mapped: expected=%d got=%d",
                model.mappedFrames(),
                guest.mappedFrames());
        check(guest.domainList().size() == model.domains.size(), "domains");
        for (int domain : model.domains.keySet()) {
            List<DomainModel.Entry> expected = model.sorted(domain);
            List<RangeMapping> got = guest.domainMappings(domain, 0, Integer.MAX_VALUE);
            check(expected.size() == got.size(), "domain=%d: expected=%s got=%s", domain, expected, got);
            for (int i = 0; i < got.size(); i++) {
                DomainModel.Entry a = expected.get(i);
                RangeMapping b = got.get(i);
                check(
                        a.first() == b.first()
                                && a.last() == b.last()
                                && a.target() == b.target()
                                && a.access() == b.access()
                                && a.mmio() == b.mmio(),
                        "domain=%d: expected=%s got=%s",
                        domain,
                        a,
                        b);
            }
        }
        int endpoint = 1 + random.nextInt(GOVERNED.size());
        for (long bfn = 0; bfn < BFNS; bfn++) {
            compareDma(endpoint, bfn);
        }
    }

    /** Nothing is held when all is unmapped: each region can go, and the guest with everything of it. */
    private void finish() {
        device.close();
        for (DomainModel.Region region : List.copyOf(model.regions)) {
            guest.unregisterMemory(region.firstMfn(), REGION_PAGES);
            check(region.memory().isClosed(), "the memory is still there");
        }
        check(guest.digest() == 0 && guest.mappedFrames() == 0 && guest.heldFrames() == 0, "something is left");
        engine.removeGuest(guest);
        check(engine.guests().isEmpty(), "the guest is still there");
        engine.close();
    }
}
