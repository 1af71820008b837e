package org.pviommu.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.pviommu.engine.DomainBench.FIRST_MFN;
import static org.pviommu.engine.DomainBench.REGION_PAGES;
import static org.pviommu.engine.DomainBench.SECOND_MFN;

import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.pviommu.engine.support.HostCall.Kind;
import org.pviommu.engine.support.TestMemory;

/** The life of a virtio-iommu device's domains: bypass, groups, memory that comes and goes, the end. */
class DomainDeviceTest {

    @Test
    void C21_C22_C23_C25_bypassIsIdentityOntoTheGuestsOwnMemory() {
        try (DomainBench bench = new DomainBench(true)) {
            assertEquals("100000+f0000", bench.reach(2, 0x100_000, Access.READ_WRITE));
            assertEquals("-", bench.read(2, 0x1f0_000)); // the hypervisor's
            assertEquals("2ff000+1000", bench.read(2, 0x2ff_000));
            assertEquals("-", bench.read(2, 0x300_000));
            assertEquals("-", bench.read(2, -1));
            assertEquals(511, bench.hosted(2));

            bench.device.setBypass(false);
            assertEquals("-", bench.read(2, 0x100_000));
            assertEquals(-1, bench.hosted(2));

            assertEquals(0, bench.device.attach(1, 2, true));
            bench.device.endBatch();
            assertEquals("100000+f0000", bench.read(2, 0x100_000));
            assertEquals("-", bench.read(1, 0x100_000));
        }
    }

    @Test
    void shouldLetMemoryThatComesLaterBeReachedByBypassOnly() {
        try (DomainBench bench = new DomainBench(true)) {
            bench.attach(1, 1);
            bench.mapFrames(1, 0x10, 1, 0x400);
            TestMemory more = new TestMemory(16);
            bench.guest.registerMemory(0x400, 16, more);

            assertEquals("400000+10000", bench.read(2, 0x400_000));
            assertEquals(511 + 16, bench.hosted(2));
            assertEquals("-", bench.read(1, 0x10_000)); // it was no memory when it was mapped
            assertEquals(0, bench.hosted(1));

            bench.guest.unregisterMemory(0x400, 16);
            assertEquals("-", bench.read(2, 0x400_000));
            assertEquals(511, bench.hosted(2));
            assertEquals(1, more.closes());
        }
    }

    @Test
    void C11_C07_resetDropsAttachmentsAndDomainsAndKeepsBypass() {
        try (DomainBench bench = new DomainBench(true)) {
            bench.attach(1, 1);
            bench.mapFrames(1, 0x10, 1, FIRST_MFN);

            bench.device.reset();

            assertEquals(List.of(), bench.guest.domainList());
            assertEquals("100000+f0000", bench.read(1, 0x100_000));
            assertEquals(RequestStatus.NOENT, bench.unmap(1, 0, -1));
            assertEquals(0, bench.guest.mappedFrames());
            assertTrue(bench.guest.domainBypass());
        }
    }

    @Test
    void shouldBlockAGroupWhoseMembersAreInDifferentDomainsUntilTheyAgree() {
        try (DomainBench bench = new DomainBench()) {
            bench.attach(1, 3);
            bench.mapFrames(1, 0x10, 1, FIRST_MFN);
            assertEquals("-", bench.read(3, 0x10_000)); // 4 is in no domain
            assertEquals(-1, bench.hosted(3));

            bench.attach(1, 4);
            assertEquals("100000+1000", bench.read(3, 0x10_000));
            assertEquals("100000+1000", bench.read(4, 0x10_000));

            bench.attach(2, 4);
            assertEquals("-", bench.read(3, 0x10_000));
            assertEquals(-1, bench.hosted(4));

            bench.attach(2, 3);
            bench.mapFrames(2, 0x10, 1, SECOND_MFN);
            assertEquals("200000+1000", bench.read(3, 0x10_000));
            assertEquals(1, bench.hosted(4));
        }
    }

    @Test
    void shouldGovernWholeGroupsOfTheGuestsEndpointsOnce() {
        try (DomainBench bench = new DomainBench()) {
            assertThrows(EngineException.class, () -> open(bench, List.of(9)));
            bench.device.close();
            assertThrows(EngineException.class, () -> open(bench, List.of(3)));
            assertThrows(EngineException.class, () -> open(bench, List.of(1, 1)));
            assertThrows(EngineException.class, () -> open(bench, List.of(66)));
            assertEquals("-", bench.read(1, 0x100_000));

            DomainExecutor again = open(bench, List.of(1, 2));
            assertEquals("100000+f0000", bench.read(1, 0x100_000));
            again.close();
        }
    }

    private static DomainExecutor open(DomainBench bench, List<Integer> endpoints) {
        return new DomainExecutor(bench.engine, bench.guest, endpoints, true);
    }

    @Test
    void shouldTranslateAnEndpointOfAPageGranularAddressSpaceToo() {
        try (DomainBench bench = new DomainBench()) {
            MapRun run = new MapRun();
            bench.guest.locked(() -> {
                run.use(bench.guest.ownSpace(), false);
                assertEquals(0, run.open(0x10, FIRST_MFN, Access.READ));
                run.extendByPages(3);
                assertEquals(0, run.close());
            });
            long before = bench.guest.translation(9).generation();

            assertEquals("100004+3ffc", bench.reach(9, 0x10_004, Access.READ));
            assertEquals("-", bench.reach(9, 0x10_004, Access.WRITE));
            assertEquals("-", bench.read(9, 0x14_000));
            assertEquals("-", bench.read(1, 0x10_000)); // the device has taken it away

            bench.guest.locked(() -> {
                bench.guest.beginCall();
                bench.guest.ownSpace().unmapAll();
                bench.guest.ownSpace().flushAndRelease();
            });
            assertNotEquals(before, bench.guest.translation(9).generation());
            assertEquals("-", bench.read(9, 0x10_004));
        }
    }

    @Test
    void shouldChangeTheGenerationWithWhateverConcernsTheEndpoint() {
        try (DomainBench bench = new DomainBench()) {
            EndpointTranslation one = bench.guest.translation(1);
            EndpointTranslation two = bench.guest.translation(2);
            long[] last = {one.generation()};
            bench.attach(1, 1);
            last[0] = requireNewer(one, last[0]);
            bench.attach(2, 2);
            bench.mapFrames(1, 0x10, 1, FIRST_MFN);
            bench.mapFrames(2, 0x10, 1, FIRST_MFN);
            long before = two.generation();
            bench.unmap(1, 0, -1);
            last[0] = requireNewer(one, last[0]);
            assertEquals(before, two.generation()); // not its domain
            bench.attach(2, 1);
            last[0] = requireNewer(one, last[0]);
            bench.guest.loseMemory(SECOND_MFN, REGION_PAGES);
            last[0] = requireNewer(one, last[0]);
            bench.detach(2, 1);
            requireNewer(one, last[0]);
        }
    }

    private static long requireNewer(EndpointTranslation translation, long before) {
        assertTrue(translation.generation() > before, "generation");
        return translation.generation();
    }

    @Test
    void shouldPoisonWhatLedToLostMemory() {
        try (DomainBench bench = new DomainBench()) {
            bench.attach(1, 1);
            bench.mapFrames(1, 0x10, 4, SECOND_MFN - 2);
            long digest = bench.guest.digest();
            bench.host.forgetCalls();

            assertTrue(bench.guest.loseMemory(SECOND_MFN, REGION_PAGES));

            assertEquals(List.of("unmap 1", "flush 1"), bench.host.order());
            assertEquals(1, bench.second.closes());
            assertEquals("1fe000+2000", bench.read(1, 0x10_000));
            assertEquals("-", bench.read(1, 0x12_000));
            assertEquals(2, bench.hosted(1));
            assertEquals(2, bench.guest.mappedFrames());
            assertEquals(digest, bench.guest.digest()); // the mapping is there, and faults

            TestMemory other = new TestMemory(REGION_PAGES);
            bench.guest.registerMemory(SECOND_MFN, REGION_PAGES, other);
            assertEquals("-", bench.read(1, 0x12_000)); // not what was meant
            assertEquals(RequestStatus.INVAL, bench.mapFrames(1, 0x13, 1, SECOND_MFN));
            assertEquals(RequestStatus.OK, bench.unmap(1, 0, -1));
            assertEquals(RequestStatus.OK, bench.mapFrames(1, 0x10, 4, SECOND_MFN - 2));
            assertEquals("200000+2000", bench.read(1, 0x12_000));
            assertEquals(4, bench.hosted(1));
        }
    }

    @Test
    void shouldKeepLostMemoryThatTheHostDoesNotLetGoOf() {
        try (DomainBench bench = new DomainBench()) {
            bench.attach(1, 1);
            bench.mapFrames(1, 0x10, 4, SECOND_MFN);
            bench.mapFrames(1, 0x20, 4, SECOND_MFN);
            bench.host.answerOnce(Kind.UNMAP, -5);

            assertFalse(bench.guest.loseMemory(SECOND_MFN, REGION_PAGES));

            assertEquals("-", bench.read(1, 0x10_000));
            assertEquals(0, bench.second.closes());
            assertEquals(RequestStatus.OK, bench.mapFrames(1, 0x30, 1, SECOND_MFN)); // leads nowhere
            assertEquals("-", bench.read(1, 0x30_000));
            assertEquals(4, bench.hosted(1));
            assertEquals(RequestStatus.OK, bench.unmap(1, 0x20_000, 0x23_fff)); // the host has nothing of it
            assertTrue(bench.guest.loseMemory(SECOND_MFN, REGION_PAGES));
            assertEquals(1, bench.second.closes());
            assertEquals(0, bench.hosted(1));
            assertEquals(RequestStatus.OK, bench.unmap(1, 0, -1));
        }
    }

    @Test
    void shouldTakeLostMemoryFromHypercallSpacesAndGranteesToo() {
        try (DomainBench bench = new DomainBench(true)) {
            Guest grantee = bench.engine.addGuest(8, GuestPolicy.permissive(), List.of());
            bench.engine.grant(DomainBench.GUEST, SECOND_MFN, 4, 8, 0x50, Access.READ_WRITE);
            MapRun run = new MapRun();
            for (Guest each : List.of(bench.guest, grantee)) {
                each.locked(() -> {
                    run.use(each.ownSpace(), false);
                    assertEquals(0, run.open(0x10, each == grantee ? 0x50 : SECOND_MFN, Access.READ));
                    assertEquals(0, run.close());
                });
            }
            assertFalse(bench.guest.loseMemory(SECOND_MFN, REGION_PAGES)); // somebody else has it

            assertTrue(bench.engine.loseMemory(bench.guest, SECOND_MFN, REGION_PAGES));

            assertNull(grantee.ownSpace().translate(0x10));
            assertNull(bench.guest.ownSpace().translate(0x10));
            assertEquals(1, bench.second.closes());
            assertEquals("-", bench.read(2, 0x200_000));
            assertEquals(255, bench.hosted(2));
            bench.engine.removeGuest(grantee);
        }
    }

    @Test
    void shouldRefuseToUnregisterWhatADomainLeadsTo() {
        try (DomainBench bench = new DomainBench()) {
            bench.attach(1, 1);
            bench.map(1, 0x10_000, 0x10_004, SECOND_MFN << 12, Access.READ); // not even a frame
            assertThrows(EngineException.class, () -> bench.guest.unregisterMemory(SECOND_MFN, REGION_PAGES));
            bench.host.answerAlways(Kind.FLUSH, -5);
            bench.unmap(1, 0, -1);
            bench.host.behave();
            bench.guest.unregisterMemory(SECOND_MFN, REGION_PAGES);
            assertEquals(1, bench.second.closes());
        }
    }

    @Test
    void shouldTearDomainsDownWithTheirGuest() {
        for (boolean bypass : new boolean[] {false, true}) {
            DomainBench bench = new DomainBench(bypass);
            bench.attach(1, 1);
            bench.attach(2, 3);
            bench.mapFrames(1, 0x10, 4, SECOND_MFN);
            bench.mapFrames(2, 0x10, 4, SECOND_MFN);
            bench.host.answerAlways(Kind.FLUSH, -5);

            bench.engine.removeGuest(bench.guest);
            assertEquals(0, bench.second.closes()); // nobody knows who can still reach it
            assertEquals(bench.guest, bench.engine.guest(DomainBench.GUEST));
            bench.host.behave();
            bench.engine.removeGuest(bench.guest);

            assertNull(bench.engine.guest(DomainBench.GUEST));
            assertEquals(1, bench.second.closes());
            assertEquals(0, bench.guest.mappedFrames());
            assertEquals(0, bench.guest.heldFrames());
            assertEquals("-", bench.read(1, 0x10_000));
            bench.engine.close();
        }
    }

    @Test
    void shouldBlockTheEndpointsWhenTheDeviceGoes() {
        try (DomainBench bench = new DomainBench(true)) {
            bench.attach(1, 1);
            bench.mapFrames(1, 0x10, 4, SECOND_MFN);
            bench.device.close();

            assertEquals("-", bench.read(1, 0x10_000));
            assertEquals("-", bench.read(2, 0x100_000));
            for (int endpoint : DomainBench.GOVERNED) {
                assertEquals(-1, bench.hosted(endpoint));
            }
            assertEquals(List.of(), bench.guest.domainEndpoints());
            assertEquals(RequestStatus.IOERR, bench.device.attach(1, 1, false));
            bench.device.endBatch();
        }
    }

    @Test
    @Timeout(60)
    void C45_C66_nobodyReachesAFrameOnceItsRemovalIsAnswered() throws InterruptedException {
        try (DomainBench bench = new DomainBench()) {
            bench.attach(1, 1);
            AtomicBoolean stop = new AtomicBoolean();
            AtomicBoolean released = new AtomicBoolean();
            AtomicInteger wrong = new AtomicInteger();
            AtomicInteger reached = new AtomicInteger();
            Thread reader = new Thread(() -> {
                EndpointTranslation translation = bench.guest.translation(1);
                EndpointTranslation.Piece piece = new EndpointTranslation.Piece();
                while (!stop.get()) {
                    int section = translation.enter();
                    if (translation.translate(0x10_000, Access.READ, piece)) {
                        reached.incrementAndGet();
                        for (int spin = 0; spin < 50; spin++) {
                            Thread.onSpinWait();
                            if (released.get()) {
                                wrong.incrementAndGet();
                            }
                        }
                    }
                    translation.exit(section);
                }
            });
            reader.start();
            for (int i = 0; i < 20_000 || reached.get() < 100; i++) {
                released.set(false);
                bench.mapFrames(1, 0x10, 1, FIRST_MFN);
                if ((i & 1) == 0) {
                    bench.unmap(1, 0, -1);
                } else {
                    bench.detach(1, 1);
                }
                released.set(true);
                if ((i & 1) == 1) {
                    // Blocked here, so released may stay true until the next round maps.
                    bench.attach(1, 1);
                }
            }
            stop.set(true);
            reader.join();

            assertEquals(0, wrong.get());
        }
    }
}
