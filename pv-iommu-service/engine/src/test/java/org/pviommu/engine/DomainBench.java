package org.pviommu.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.pviommu.engine.support.RecordingHost;
import org.pviommu.engine.support.RecordingLog;
import org.pviommu.engine.support.TestMemory;

/**
 * A guest with a virtio-iommu device: endpoints 1 and 2 alone in their groups, 3 and 4 in one group; 1 reserves bus frames
 * {@code [0xfee, 0xfef]}, 5 has an identity region there. Memory at mfns [0x100, 0x1ff] and, right behind it, [0x200, 0x2ff];
 * frame 0x1f0 is the hypervisor's. {@link #close} checks that nothing is left behind.
 */
final class DomainBench implements AutoCloseable {
    static final int GUEST = 7;
    static final long FIRST_MFN = 0x100;
    static final long SECOND_MFN = 0x200;
    static final long REGION_PAGES = 0x100;
    static final long HYPERVISOR_MFN = 0x1f0;
    static final FrameRange WINDOW = new FrameRange(0xfee, 0xfef);
    static final List<Integer> GOVERNED = List.of(1, 2, 3, 4, 5);

    final RecordingHost host = new RecordingHost(0xf_ffff, false);
    final RecordingLog log = new RecordingLog();
    final TableMemory tables = new TableMemory(10_000);
    final Engine engine = new Engine(host, log, tables);
    final Guest guest;
    final DomainExecutor device;
    final TestMemory first = new TestMemory(REGION_PAGES);
    final TestMemory second = new TestMemory(REGION_PAGES);
    private final long tablesBefore = tables.availablePages();

    DomainBench() {
        this(false);
    }

    DomainBench(boolean bypass) {
        this(bypass, policy(1 << 20, 4096, 65_536, 16));
    }

    DomainBench(boolean bypass, GuestPolicy policy) {
        ReservedRegion msi = new ReservedRegion(WINDOW, ReservedRegion.Kind.MSI);
        ReservedRegion identity = new ReservedRegion(WINDOW, ReservedRegion.Kind.IDENTITY);
        guest = engine.addGuest(
                GUEST,
                policy,
                List.of(
                        new EndpointDescriptor(1, List.of(msi)),
                        new EndpointDescriptor(2, List.of()),
                        new EndpointDescriptor(3, 3, List.of()),
                        new EndpointDescriptor(4, 3, List.of()),
                        new EndpointDescriptor(5, List.of(identity)),
                        new EndpointDescriptor(9, List.of())));
        guest.registerMemory(FIRST_MFN, REGION_PAGES, first);
        guest.registerMemory(SECOND_MFN, REGION_PAGES, second);
        device = new DomainExecutor(engine, guest, GOVERNED, bypass);
    }

    static GuestPolicy policy(long mappedFrames, int tablePages, int heldFrames, int contexts) {
        return new GuestPolicy(
                true,
                true,
                1 << 20,
                mappedFrames,
                tablePages,
                heldFrames,
                contexts,
                List.of(new FrameRange(HYPERVISOR_MFN, HYPERVISOR_MFN)));
    }

    /** Attaches and ends the batch. */
    int attach(int domain, int endpoint) {
        int status = device.attach(domain, endpoint, false);
        assertTrue(device.endBatch());
        return status;
    }

    /** Maps frames for reading and writing and ends the batch. */
    int mapFrames(int domain, long bfn, long pages, long mfn) {
        return map(domain, bfn << 12, ((bfn + pages) << 12) - 1, mfn << 12, Access.READ_WRITE);
    }

    int map(int domain, long firstIova, long lastIova, long target, int access) {
        int status = device.map(domain, firstIova, lastIova, target, access, false);
        assertTrue(device.endBatch());
        return status;
    }

    int unmap(int domain, long firstIova, long lastIova) {
        int status = device.unmap(domain, firstIova, lastIova);
        device.endBatch();
        return status;
    }

    int detach(int domain, int endpoint) {
        int status = device.detach(domain, endpoint);
        device.endBatch();
        return status;
    }

    /** What an endpoint reaches at {@code iova}: "address+length", or "-" for a fault. */
    String reach(int endpoint, long iova, int access) {
        EndpointTranslation translation = guest.translation(endpoint);
        EndpointTranslation.Piece piece = new EndpointTranslation.Piece();
        int section = translation.enter();
        try {
            return translation.translate(iova, access, piece)
                    ? Long.toHexString(piece.target()) + "+" + Long.toHexString(piece.lengthBytes())
                    : "-";
        } finally {
            translation.exit(section);
        }
    }

    String read(int endpoint, long iova) {
        return reach(endpoint, iova, Access.READ);
    }

    /** The mappings of a domain as "first-last", for tests with byte ranges. */
    List<String> mappings(int domain) {
        return guest.domainMappings(domain, 0, 1000).stream()
                .map(each -> Long.toHexString(each.first()) + "-" + Long.toHexString(each.last()))
                .toList();
    }

    /** How many frames the host translates for an endpoint. */
    int hosted(int endpoint) {
        for (int i = 0; ; i++) {
            RecordingHost.Space space;
            try {
                space = host.space(i);
            } catch (IndexOutOfBoundsException e) {
                return -1;
            }
            if (space.endpoints().contains(endpoint)) {
                return space.mappedPages();
            }
        }
    }

    @Override
    public void close() {
        host.behave();
        device.close();
        assertEquals(List.of(), guest.domainList());
        assertEquals(0, guest.digest(), "digest");
        assertEquals(0, guest.mappedFrames(), "mapped");
        assertEquals(0, guest.heldFrames(), "held");
        guest.regions().forEach(region -> assertEquals(0, region.totalHolds(), "holds"));
        engine.removeGuest(guest);
        assertEquals(null, engine.guest(GUEST));
        assertTrue(tables.availablePages() >= tablesBefore, "table pages leaked");
        assertEquals(1, first.closes());
        engine.close();
        for (int i = 0; ; i++) {
            try {
                assertTrue(host.space(i).isDestroyed(), "host space " + i);
                assertEquals(0, host.space(i).mappedPages(), "host space " + i);
            } catch (IndexOutOfBoundsException e) {
                return;
            }
        }
    }
}
