package org.pviommu.virtio.iommu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.pviommu.engine.Access;
import org.pviommu.engine.BatchLog;
import org.pviommu.engine.EndpointDescriptor;
import org.pviommu.engine.EndpointTranslation;
import org.pviommu.engine.Engine;
import org.pviommu.engine.FrameRange;
import org.pviommu.engine.Guest;
import org.pviommu.engine.GuestMemory;
import org.pviommu.engine.GuestPolicy;
import org.pviommu.engine.HostAddressSpace;
import org.pviommu.engine.HostCapabilities;
import org.pviommu.engine.HostIommu;
import org.pviommu.engine.IotlbGather;
import org.pviommu.engine.RequestStatus;
import org.pviommu.engine.ReservedRegion;
import org.pviommu.natives.SharedMemory;
import org.pviommu.virtio.memory.GuestMemoryShare;
import org.pviommu.virtio.queue.MemoryRegion;
import org.pviommu.virtio.vhost.MappedRegion;

/** The engine behind the device, with memory that sockets tell. */
class EngineDomainsTest {
    private static final int ENDPOINT = 0x18;

    private final Pages host = new Pages();
    private final Engine engine = new Engine(host, BatchLog.none());
    private final Guest guest = engine.addGuest(
            1,
            GuestPolicy.permissive(),
            List.of(new EndpointDescriptor(
                    ENDPOINT,
                    List.of(
                            region(0xfee00, 0xfeeff, ReservedRegion.Kind.MSI),
                            region(0x10, 0x11, ReservedRegion.Kind.IDENTITY),
                            region(0x11, 0x12, ReservedRegion.Kind.RESERVED)))));
    private final GuestMemoryShare share = new GuestMemoryShare(engine, guest);
    private final EngineDomains domains = new EngineDomains(engine, guest, List.of(ENDPOINT), false, share);
    private final SharedMemory file = SharedMemory.create("test", 64 << 12, 0);
    private final List<SharedMemory> maps = new ArrayList<>();

    private static ReservedRegion region(long first, long last, ReservedRegion.Kind kind) {
        return new ReservedRegion(new FrameRange(first, last), kind);
    }

    @AfterEach
    void close() {
        engine.close();
        maps.forEach(SharedMemory::close);
        file.close();
    }

    /** A mapping of its own each time, as each socket has it. */
    private MappedRegion told(long guestAddress, long sizeBytes, long offsetBytes) {
        SharedMemory map =
                SharedMemory.map(file.fd().duplicate(), offsetBytes & -4096, sizeBytes + (offsetBytes & 4095));
        maps.add(map);
        MemorySegment part = map.segment().asSlice(offsetBytes & 4095, sizeBytes);
        return new MappedRegion(new MemoryRegion(guestAddress, 0x7000_0000, part), map, offsetBytes);
    }

    private String reach(long iova) {
        EndpointTranslation translation = guest.translation(ENDPOINT);
        EndpointTranslation.Piece piece = new EndpointTranslation.Piece();
        int section = translation.enter();
        boolean found = translation.translate(iova, Access.READ, piece);
        translation.exit(section);
        return found ? Long.toHexString(piece.target()) + "+" + Long.toHexString(piece.lengthBytes()) : "-";
    }

    private void attachAndMap() {
        assertEquals(RequestStatus.OK, domains.attach(1, ENDPOINT, false));
        assertEquals(RequestStatus.OK, domains.map(1, 0x100_000, 0x10f_fff, 0x8000, Access.READ_WRITE, false));
        assertTrue(domains.endBatch());
    }

    @Test
    void shouldReachWhatASocketHasTold() {
        domains.memoryChanged(List.of(told(0, 32 << 12, 0)));
        attachAndMap();

        assertEquals("8000+10000", reach(0x100_000));
        assertEquals(16, host.pages.size());
        domains.disconnected();
        assertEquals("-", reach(0x100_000));
        assertEquals(0, host.pages.size());
        assertEquals(List.of(), guest.ownMemory());
    }

    @Test
    void shouldRegisterOnceWhatSeveralSocketsTell() {
        Object other = new Object();
        domains.memoryChanged(List.of(told(0, 32 << 12, 0)));
        share.changed(other, List.of(told(0, 32 << 12, 0)));
        attachAndMap();

        share.changed(other, List.of());
        assertEquals("8000+10000", reach(0x100_000));
        domains.memoryChanged(List.of(told(0, 32 << 12, 0))); // a new table, the same memory
        assertEquals("8000+10000", reach(0x100_000));

        share.changed(other, List.of(told(0, 32 << 12, 0)));
        domains.memoryChanged(List.of());
        assertEquals(1, guest.ownMemory().size());
        assertEquals("8000+10000", reach(0x100_000));
        share.changed(other, List.of());
        assertEquals("-", reach(0x100_000));
        assertEquals(0, host.pages.size());
    }

    @Test
    void shouldRegisterOtherMemoryAtTheSamePlaceOnceTheLastSocketLetsGo() {
        Object other = new Object();
        domains.memoryChanged(List.of(told(0, 32 << 12, 0)));
        share.changed(other, List.of(told(0, 32 << 12, 0)));
        domains.memoryChanged(List.of(told(0, 16 << 12, 0), told(16 << 12, 16 << 12, 32 << 12)));

        assertEquals(1, guest.ownMemory().size()); // the other socket still has the old table
        assertEquals(2, share.unregistered().size());
        share.changed(other, List.of(told(0, 16 << 12, 0), told(16 << 12, 16 << 12, 32 << 12)));

        assertEquals(2, guest.ownMemory().size());
        assertEquals(List.of(), share.unregistered());
    }

    @Test
    void shouldRegisterWholeFramesThatArePagesOfTheFile() {
        domains.memoryChanged(List.of(told(0x1800, 0x3000, 0x800), told(0x10_000, 0x2000, 0x800)));

        assertEquals(
                List.of("2+2@1000"),
                guest.ownMemory().stream()
                        .map(each ->
                                each.firstMfn() + "+" + each.pages() + "@" + Long.toHexString(each.fileOffsetBytes()))
                        .toList());
    }

    @Test
    void C76_C77_C90_probeTellsWholeRegionsInOrder() {
        ReservedMemory reserved = domains.probe(ENDPOINT);

        assertNotNull(reserved);
        assertEquals(2 * 24, reserved.propertyBytes());
        MemorySegment properties = Arena.ofAuto().allocate(512);
        reserved.putProperties(properties);
        assertEquals(0x10_000, properties.get(Wire.U64, 8));
        assertEquals(0x12_fff, properties.get(Wire.U64, 16));
        assertEquals(0, properties.get(ValueLayout.JAVA_BYTE, 4));
        assertEquals(0xfee0_0000L, properties.get(Wire.U64, 24 + 8));
        assertEquals(0xfeef_ffffL, properties.get(Wire.U64, 24 + 16));
        assertEquals(1, properties.get(ValueLayout.JAVA_BYTE, 24 + 4));
        assertNull(domains.probe(0x99));
    }

    /** Whatever the endpoint is in, what it reserves leads it nowhere, memory or not. */
    @Test
    void C78_reservedRegionsLeadNowhere() {
        domains.memoryChanged(List.of(told(0, 32 << 12, 0), told(0xfee0_0000L, 4096, 32 << 12)));
        domains.setBypass(true);
        assertReservedLeadsNowhere();
        assertEquals(RequestStatus.OK, domains.attach(1, ENDPOINT, true));
        assertTrue(domains.endBatch());
        assertReservedLeadsNowhere();
        assertEquals(RequestStatus.OK, domains.attach(2, ENDPOINT, false));
        for (long iova : new long[] {0x10_000, 0x11_000, 0x12_000, 0xfee0_0000L, 0xfeef_f000L}) {
            assertEquals(RequestStatus.INVAL, domains.map(2, iova, iova + 4095, 0, Access.READ_WRITE, false));
        }
        assertTrue(domains.endBatch());
        assertReservedLeadsNowhere();
    }

    private void assertReservedLeadsNowhere() {
        for (long iova : new long[] {0x10_000, 0x11_000, 0x12_fff, 0xfee0_0000L, 0xfee0_0fffL}) {
            assertEquals("-", reach(iova), Long.toHexString(iova));
        }
    }

    @Test
    void C85_reasonOfAFault() {
        assertEquals(Wire.FAULT_DOMAIN, EngineDomains.faultReason(guest, ENDPOINT));
        domains.memoryChanged(List.of(told(0, 32 << 12, 0)));
        attachAndMap();
        assertEquals(Wire.FAULT_MAPPING, EngineDomains.faultReason(guest, ENDPOINT));
        assertEquals(Wire.FAULT_DOMAIN, EngineDomains.faultReason(guest, 0x99));
        assertEquals(RequestStatus.OK, domains.detach(1, ENDPOINT));
        assertTrue(domains.endBatch());
        assertEquals(Wire.FAULT_DOMAIN, EngineDomains.faultReason(guest, ENDPOINT));
    }

    @Test
    void shouldHaveTheNumbersOfTheWire() {
        assertEquals(Wire.OK, RequestStatus.OK);
        assertEquals(Wire.IOERR, RequestStatus.IOERR);
        assertEquals(Wire.UNSUPP, RequestStatus.UNSUPP);
        assertEquals(Wire.DEVERR, RequestStatus.DEVERR);
        assertEquals(Wire.INVAL, RequestStatus.INVAL);
        assertEquals(Wire.RANGE, RequestStatus.RANGE);
        assertEquals(Wire.NOENT, RequestStatus.NOENT);
        assertEquals(Wire.NOMEM, RequestStatus.NOMEM);
    }

    @Test
    void shouldComeBackWithAFrontEnd() {
        domains.setBypass(true);
        domains.memoryChanged(List.of(told(0, 32 << 12, 0)));
        assertEquals("13000+d000", reach(0x13_000));
        domains.disconnected();
        assertEquals("-", reach(0x13_000));
        assertEquals(0, host.pages.size());

        domains.memoryChanged(List.of(told(0, 32 << 12, 0)));
        assertEquals("13000+d000", reach(0x13_000));
        assertEquals("-", reach(0x11_000)); // reserved
        attachAndMap();
        domains.reset();
        assertEquals(List.of(), guest.domainList());
        assertEquals("13000+d000", reach(0x13_000));
    }

    /** A host IOMMU that is a set of pages. */
    private static final class Pages implements HostIommu {
        final TreeMap<Long, Integer> pages = new TreeMap<>();

        @Override
        public HostCapabilities capabilities() {
            return new HostCapabilities("pages", HostCapabilities.MAX_LAST_BFN, 4096, false);
        }

        @Override
        public HostAddressSpace createAddressSpace() {
            return new HostAddressSpace() {
                @Override
                public int map(long firstBfn, long count, GuestMemory memory, long offsetBytes, int access) {
                    for (long bfn = firstBfn; bfn < firstBfn + count; bfn++) {
                        pages.put(bfn, access);
                    }
                    return 0;
                }

                @Override
                public long unmap(long firstBfn, long count) {
                    for (long bfn = firstBfn; bfn < firstBfn + count; bfn++) {
                        pages.remove(bfn);
                    }
                    return count;
                }

                @Override
                public int flush(IotlbGather gather) {
                    return 0;
                }

                @Override
                public int attach(int endpoint) {
                    return 0;
                }

                @Override
                public int detach(int endpoint) {
                    return 0;
                }

                @Override
                public void destroy() {
                    // nothing is open
                }
            };
        }

        @Override
        public void onFault(FaultListener listener) {
            // no device does DMA here
        }

        @Override
        public void close() {
            // nothing is open
        }
    }
}
