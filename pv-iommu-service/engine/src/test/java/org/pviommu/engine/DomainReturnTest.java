package org.pviommu.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.pviommu.engine.support.HostCall.Kind;
import org.pviommu.engine.support.RecordingHost;
import org.pviommu.engine.support.RecordingLog;
import org.pviommu.engine.support.TestMemory;

/** A guest comes back to a service that was started anew: its domains, attachments and bypass are as they were. */
class DomainReturnTest {
    private static final List<Integer> GOVERNED = List.of(1, 2, 3);

    /** Memory that can be recognised. */
    private record NumberedMemory(TestMemory memory, long inode) implements GuestMemory {
        NumberedMemory(long inode) {
            this(new TestMemory(16), inode);
        }

        @Override
        public MemorySegment segment() {
            return memory.segment();
        }

        @Override
        public int fileDescriptor() {
            return -1;
        }

        @Override
        public long fileOffsetBytes() {
            return 0;
        }

        @Override
        public FileIdentity file() {
            return new FileIdentity(1, inode);
        }

        @Override
        public void close() {
            memory.close();
        }
    }

    private final Engine old = new Engine(new RecordingHost(0xffff, true), BatchLog.none());
    private final Guest before = old.addGuest(
            1,
            GuestPolicy.permissive(),
            List.of(
                    new EndpointDescriptor(1, List.of()),
                    new EndpointDescriptor(2, List.of()),
                    new EndpointDescriptor(3, List.of())));

    private final RecordingHost host = new RecordingHost(0xffff, true);
    private final RecordingLog log = new RecordingLog();
    private final Engine engine = new Engine(host, log);

    private DomainExecutor prepared(boolean bypass) {
        before.registerMemory(0x20, 16, new NumberedMemory(7));
        before.registerMemory(0x40, 16, new NumberedMemory(8));
        DomainExecutor device = new DomainExecutor(old, before, GOVERNED, bypass);
        device.attach(5, 1, false);
        device.map(5, 0x1000, 0x2fff, 0x20_000, Access.READ_WRITE, false);
        device.map(5, 0x5000, 0x6fff, 0x60_000, Access.READ, false); // no memory yet
        device.map(5, -4096, -1, 0, Access.READ, true);
        device.attach(-1, 2, true);
        assertTrue(device.endBatch());
        assertTrue(before.loseMemory(0x40, 16));
        before.registerMemory(0x60, 16, new NumberedMemory(9));
        device.map(5, 0x8000, 0x8fff, 0x60_000, Access.READ_WRITE, false);
        assertTrue(device.endBatch());
        return device;
    }

    private Map<Long, GuestMemory> memories() {
        return Map.of(0x20L, new NumberedMemory(7), 0x60L, new NumberedMemory(9));
    }

    private static String reach(Guest guest, int endpoint, long iova) {
        EndpointTranslation translation = guest.translation(endpoint);
        EndpointTranslation.Piece piece = new EndpointTranslation.Piece();
        int section = translation.enter();
        boolean found = translation.translate(iova, Access.READ, piece);
        translation.exit(section);
        return found ? Long.toHexString(piece.target()) : "-";
    }

    @Test
    void shouldBringBackDomainsAttachmentsAndBypass() {
        for (boolean bypass : new boolean[] {true, false}) {
            DomainReturnTest test = new DomainReturnTest();
            test.bringBack(bypass);
        }
    }

    private void bringBack(boolean bypass) {
        DomainExecutor device = prepared(bypass);

        Guest guest = engine.returnGuest(before, memories(), List.of());

        assertEquals(before.digest(), guest.digest());
        assertEquals(before.mappedFrames(), guest.mappedFrames());
        assertEquals(before.domainList(), guest.domainList());
        assertEquals(before.domainMappings(5, 0, 99), guest.domainMappings(5, 0, 99));
        assertEquals(bypass, guest.domainBypass());
        for (int endpoint : GOVERNED) {
            for (long iova = 0; iova < 0x80_000; iova += 0x1000) {
                assertEquals(reach(before, endpoint, iova), reach(guest, endpoint, iova), endpoint + " " + iova);
            }
        }
        assertEquals("-", reach(guest, 1, 0x5000)); // leads to no region that came later, as before
        assertEquals("60000", reach(guest, 1, 0x8000));
        assertEquals(List.of(new Change.GuestReturned()), log.changes());

        DomainExecutor again = new DomainExecutor(engine, guest, GOVERNED, !bypass); // goes on
        assertEquals(1, log.changes().size());
        assertThrows(EngineException.class, () -> new DomainExecutor(engine, guest, GOVERNED, bypass));
        assertEquals(RequestStatus.OK, again.unmap(5, 0, -1));
        assertTrue(again.endBatch());
        assertEquals(0, guest.mappedFrames());
        again.close();
        guest.unregisterMemory(0x20, 16);
        engine.close();
        device.close();
        old.close();
    }

    @Test
    void shouldLeaveNothingBehindWhenTheHostRefusesTheReturn() {
        for (Kind kind : List.of(Kind.MAP, Kind.ATTACH, Kind.CREATE)) {
            for (int which = 1; which <= 3; which++) {
                new DomainReturnTest().refuse(kind, which);
            }
        }
    }

    private void refuse(Kind kind, int which) {
        prepared(true);
        int[] calls = {0};
        host.observe(call -> {
            if (call.kind() == kind && ++calls[0] == which) {
                host.answerOnce(kind, -5);
            }
        });

        try {
            engine.returnGuest(before, memories(), List.of());
            // What bypasses is mapped as far as the host does.
            assertEquals(before.digest(), engine.guests().getFirst().digest());
        } catch (EngineException refused) {
            assertEquals(List.of(), engine.guests(), kind + " " + which);
        }
        engine.close();
        for (int i = 0; i < host.count(Kind.CREATE); i++) {
            try {
                assertTrue(host.space(i).isDestroyed(), kind + " " + which);
            } catch (IndexOutOfBoundsException refused) {
                break;
            }
        }
        old.close();
    }
}
