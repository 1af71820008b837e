package org.pviommu.journal.replay;

import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.pviommu.abi.IommuOp;
import org.pviommu.engine.DomainExecutor;
import org.pviommu.engine.EndpointDescriptor;
import org.pviommu.engine.Engine;
import org.pviommu.engine.EngineException;
import org.pviommu.engine.FrameRange;
import org.pviommu.engine.Guest;
import org.pviommu.engine.GuestPolicy;
import org.pviommu.engine.GuestRegion;
import org.pviommu.engine.ReservedRegion;
import org.pviommu.engine.support.GuestDriver;
import org.pviommu.engine.support.HostCall;
import org.pviommu.engine.support.Op;
import org.pviommu.engine.support.RecordingHost;
import org.pviommu.engine.support.TestMemory;
import org.pviommu.journal.MemoryJournal;

/** A guest with a virtio-iommu device that does whatever comes to its mind, hypercalls included; everything goes into a journal. */
final class RandomDevice implements AutoCloseable {
    static final long LAST_BFN = 0xffff;
    static final int GUEST = 3;
    private static final List<Integer> GOVERNED = List.of(1, 2, 3, 4, 5);
    private static final int FREE_ENDPOINT = 9;
    private static final long ARRAY_MFN = 0x8000;
    private static final long REGION_PAGES = 0x20;
    /** Three places that a region may be at; each one is there or not. */
    private static final long[] REGIONS = {0x40, 0x60, 0x100};

    final MemoryJournal journal = new MemoryJournal();
    final RecordingHost host = new RecordingHost(LAST_BFN, true);
    final Engine engine = new Engine(host, journal.log());
    private final Random random;
    /** The host refuses something in one of so many steps; 0 for never. */
    private final int refusals;

    private Guest guest;
    private GuestDriver driver;
    private @Nullable DomainExecutor device;

    @SuppressWarnings("NullAway.Init") // come() sets the guest
    RandomDevice(long seed, int refusals) {
        this.random = new Random(seed);
        this.refusals = refusals;
        journal.started(host.capabilities());
        come();
    }

    private void come() {
        GuestPolicy policy = new GuestPolicy(
                true,
                true,
                1 << 20,
                60 + random.nextInt(100),
                200,
                16 + random.nextInt(64),
                8,
                List.of(new FrameRange(0x48, 0x49)));
        ReservedRegion msi = new ReservedRegion(new FrameRange(0x20, 0x21), ReservedRegion.Kind.MSI);
        ReservedRegion identity = new ReservedRegion(new FrameRange(0x20, 0x20), ReservedRegion.Kind.IDENTITY);
        guest = engine.addGuest(
                GUEST,
                policy,
                List.of(
                        new EndpointDescriptor(1, List.of(msi)),
                        new EndpointDescriptor(2, List.of()),
                        new EndpointDescriptor(3, 3, List.of()),
                        new EndpointDescriptor(4, 3, List.of()),
                        new EndpointDescriptor(5, List.of(identity)),
                        new EndpointDescriptor(FREE_ENDPOINT, List.of())));
        TestMemory array = new TestMemory(16);
        guest.registerMemory(ARRAY_MFN, 16, array);
        driver = new GuestDriver(engine, guest, array, ARRAY_MFN);
        guest.registerMemory(REGIONS[0], REGION_PAGES, new TestMemory(REGION_PAGES));
        device = new DomainExecutor(engine, guest, GOVERNED, random.nextBoolean());
    }

    Guest guest() {
        return guest;
    }

    void steps(int count) {
        for (int i = 0; i < count; i++) {
            step();
        }
    }

    private void step() {
        host.behave();
        if (refusals > 0 && random.nextInt(refusals) == 0) {
            refuse();
        }
        int what = random.nextInt(100);
        if (what < 80) {
            batch();
        } else if (what < 86) {
            memory();
        } else if (what < 90) {
            hypercall();
        } else if (what < 93) {
            requireDevice().setBypass(random.nextBoolean());
        } else if (what < 95) {
            requireDevice().reset();
        } else if (what < 97) {
            room();
        } else if (what < 99) {
            reopen();
        } else if (refusals == 0) {
            die();
        }
    }

    DomainExecutor device() {
        return requireDevice();
    }

    private DomainExecutor requireDevice() {
        DomainExecutor there = device;
        if (there == null) {
            throw new IllegalStateException("no device");
        }
        return there;
    }

    /** The host behaves, and lets go of what it has kept of domains and of memory that are gone. */
    void settle() {
        host.behave();
        requireDevice().unmap(99, 0, 0);
        requireDevice().endBatch();
        guest.regions().stream()
                .filter(GuestRegion::isRevoked)
                .forEach(lost -> guest.loseMemory(lost.firstMfn(), lost.pages()));
    }

    private void refuse() {
        HostCall.Kind[] kinds = {
            HostCall.Kind.MAP, HostCall.Kind.UNMAP, HostCall.Kind.FLUSH, HostCall.Kind.ATTACH, HostCall.Kind.DETACH
        };
        HostCall.Kind kind = kinds[random.nextInt(kinds.length)];
        if (kind == HostCall.Kind.FLUSH) {
            host.answerAlways(kind, -5);
        } else {
            host.answerOnce(kind, random.nextBoolean() ? -5 : -12);
        }
    }

    private void batch() {
        int requests = 1 + random.nextInt(random.nextInt(10) == 0 ? 90 : 8);
        for (int i = 0; i < requests; i++) {
            request(requireDevice(), random.nextInt(4));
        }
        requireDevice().endBatch();
    }

    private void request(DomainExecutor to, int domain) {
        int what = random.nextInt(20);
        if (what < 3) {
            to.attach(domain, random.nextInt(7), random.nextInt(6) == 0);
        } else if (what < 4) {
            to.detach(domain, random.nextInt(7));
        } else if (what < 14) {
            long first = address(0x40);
            long last = first + length() - 1;
            to.map(domain, first, last, address(0x140), random.nextInt(4), random.nextInt(10) == 0);
        } else {
            long first = random.nextInt(4) == 0 ? 0 : address(0x40);
            to.unmap(domain, first, random.nextInt(6) == 0 ? -1 : first + 3 * length());
        }
    }

    /** Mostly of a frame's beginning. */
    private long address(int frames) {
        return ((long) random.nextInt(frames) << 12) + (random.nextInt(8) == 0 ? random.nextInt(4096) : 0);
    }

    private long length() {
        return random.nextInt(6) == 0 ? 1 + random.nextInt(9000) : (1 + random.nextInt(8)) << 12;
    }

    private void memory() {
        long mfn = REGIONS[random.nextInt(REGIONS.length)];
        try {
            switch (random.nextInt(3)) {
                case 0 -> guest.registerMemory(mfn, REGION_PAGES, new TestMemory(REGION_PAGES));
                case 1 -> guest.unregisterMemory(mfn, REGION_PAGES);
                default -> guest.loseMemory(mfn, REGION_PAGES);
            }
        } catch (EngineException refused) {
            // there already, not there, or still mapped
        }
    }

    private void hypercall() {
        long bfn = random.nextInt(0x40);
        driver.run(
                random.nextBoolean() ? IommuOp.MAP_PAGE : IommuOp.UNMAP_PAGE,
                new Op(bfn, REGIONS[random.nextInt(3)] + random.nextInt(8), 3),
                new Op(bfn + 1, REGIONS[random.nextInt(3)] + random.nextInt(8), 1));
    }

    private void room() {
        boolean maps = random.nextBoolean();
        journal.room(maps, maps || random.nextBoolean());
        batch();
        journal.room(true, true);
    }

    private void reopen() {
        requireDevice().close();
        try {
            device = new DomainExecutor(engine, guest, GOVERNED, random.nextBoolean());
        } catch (EngineException refused) {
            host.behave();
            device = new DomainExecutor(engine, guest, GOVERNED, random.nextBoolean());
        }
    }

    private void die() {
        driver.close();
        engine.removeGuest(guest);
        come();
    }

    List<GuestDigest> digests() {
        return List.of(new GuestDigest(GUEST, guest.digest(), guest.mappedFrames()));
    }

    List<MappedRange> mappings() {
        return EngineDevices.mappings(guest);
    }

    @Override
    public void close() {
        host.behave();
        driver.close();
        engine.close();
    }
}
