package org.pviommu.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.pviommu.engine.DomainBench.FIRST_MFN;
import static org.pviommu.engine.DomainBench.HYPERVISOR_MFN;
import static org.pviommu.engine.DomainBench.SECOND_MFN;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Requests to domains, by the rows of the device-side checklist of virtio-iommu that the engine decides. */
class DomainRequestTest {

    @ParameterizedTest
    @CsvSource({
        "'', 0-4, 0, ''",
        "0-9, 0-9, 0, ''",
        "0-4 5-9, 0-9, 0, ''",
        "0-9, 0-4, 5, 0-9",
        "0-4 5-9, 0-4, 0, 5-9",
        "0-4, 0-9, 0, ''",
        "0-4 a-e, 0-e, 0, ''",
        // and what follows from them
        "0-4 5-9, 0-7, 5, 0-4 5-9",
        "0-4 5-9 a-e, 2-e, 5, 0-4 5-9 a-e",
        "0-4 5-9 a-e, 5-c, 5, 0-4 5-9 a-e",
        "0-4 5-9 a-e, 0-ffffffffffffffff, 0, ''",
    })
    void C63_C64_C65_unmapRemovesWholeMappingsOrNothing(String before, String range, int status, String after) {
        try (DomainBench bench = new DomainBench()) {
            bench.attach(1, 1);
            for (String each : words(before)) {
                assertEquals(0, bench.map(1, first(each), last(each), 0x100_000, Access.READ_WRITE));
            }
            long digest = bench.guest.digest();

            assertEquals(status, bench.unmap(1, first(range), last(range)));

            assertEquals(words(after), bench.mappings(1));
            assertEquals(status != 0, digest == bench.guest.digest() && !before.isEmpty());
        }
    }

    private static List<String> words(String text) {
        return text.isEmpty() ? List.of() : List.of(text.split(" "));
    }

    private static long first(String range) {
        return Long.parseUnsignedLong(range.substring(0, range.indexOf('-')), 16);
    }

    private static long last(String range) {
        return Long.parseUnsignedLong(range.substring(range.indexOf('-') + 1), 16);
    }

    @Test
    void C32_C43_anUnknownEndpointIsRefusedAndMakesNoDomain() {
        try (DomainBench bench = new DomainBench()) {
            assertEquals(RequestStatus.NOENT, bench.attach(1, 77));
            assertEquals(RequestStatus.NOENT, bench.attach(1, 9)); // the guest's, not the device's
            assertEquals(RequestStatus.NOENT, bench.detach(1, 77));
            assertEquals(List.of(), bench.guest.domainList());
        }
    }

    @Test
    void C33_C39_twoEndpointsShareMappings() {
        try (DomainBench bench = new DomainBench()) {
            bench.attach(1, 1);
            bench.attach(1, 2);
            bench.mapFrames(1, 0x10, 2, FIRST_MFN);

            assertEquals("100000+2000", bench.read(1, 0x10_000));
            assertEquals("100000+2000", bench.read(2, 0x10_000));
            assertEquals(2, bench.hosted(2));
        }
    }

    @Test
    void C34_C51_C62_bypassAndTranslationDoNotMix() {
        try (DomainBench bench = new DomainBench()) {
            bench.attach(1, 1);
            bench.mapFrames(1, 0x10, 1, FIRST_MFN);
            assertEquals(RequestStatus.OK, bench.device.attach(2, 2, true));
            assertEquals(RequestStatus.INVAL, bench.device.attach(2, 1, false));
            assertEquals(RequestStatus.INVAL, bench.device.attach(1, 2, true));
            assertEquals(RequestStatus.INVAL, bench.device.map(2, 0, 4095, 0, Access.READ, false));
            assertEquals(RequestStatus.INVAL, bench.device.unmap(2, 0, 4095));
            bench.device.endBatch();

            assertEquals("100000+1000", bench.read(1, 0x10_000)); // stayed where it was
            assertEquals("100000+f0000", bench.read(2, 0x100_000));
        }
    }

    @Test
    void C50_C61_aMissingDomainIsRefused() {
        try (DomainBench bench = new DomainBench()) {
            bench.attach(1, 1);
            assertEquals(RequestStatus.NOENT, bench.unmap(2, 0, -1));
            assertEquals(RequestStatus.NOENT, bench.mapFrames(2, 0x10, 1, FIRST_MFN));
            assertEquals(List.of(), bench.mappings(1));
        }
    }

    @Test
    void C35_C36_C40_attachMovesAndTheEmptiedDomainIsGone() {
        try (DomainBench bench = new DomainBench()) {
            bench.attach(1, 1);
            bench.mapFrames(1, 0x10, 1, FIRST_MFN);
            bench.attach(2, 2);
            bench.mapFrames(2, 0x10, 1, SECOND_MFN);

            assertEquals(RequestStatus.OK, bench.attach(2, 1));

            assertEquals("200000+1000", bench.read(1, 0x10_000));
            assertEquals(RequestStatus.NOENT, bench.mapFrames(1, 0x20, 1, FIRST_MFN));
            bench.detach(2, 1);
            assertEquals(RequestStatus.OK, bench.attach(1, 1));
            assertEquals("-", bench.read(1, 0x10_000)); // the number is old, the domain is new
            assertEquals(List.of(), bench.mappings(1));
        }
    }

    @Test
    void C38_anEndpointThatReservesWhatIsMappedStaysWhereItWas() {
        try (DomainBench bench = new DomainBench()) {
            bench.attach(1, 2);
            bench.mapFrames(1, 0xfee, 1, FIRST_MFN);
            bench.attach(2, 1);
            bench.mapFrames(2, 0x10, 1, SECOND_MFN);

            assertEquals(RequestStatus.UNSUPP, bench.attach(1, 1));

            assertEquals("200000+1000", bench.read(1, 0x10_000));
            bench.unmap(1, 0, -1);
            assertEquals(RequestStatus.OK, bench.attach(1, 1));
        }
    }

    @Test
    void C38_whatFirmwareMapsIsNotSharedWithWhomItIsNotFor() {
        try (DomainBench bench = new DomainBench()) {
            bench.attach(1, 5);
            assertEquals(RequestStatus.UNSUPP, bench.attach(1, 2)); // N and I
            assertEquals(RequestStatus.OK, bench.attach(1, 1)); // M and I
            bench.attach(2, 2);
            assertEquals(RequestStatus.UNSUPP, bench.attach(2, 5)); // I and N
        }
    }

    @Test
    void C41_attachAgainKeepsTheMappings() {
        try (DomainBench bench = new DomainBench()) {
            bench.attach(1, 1);
            bench.mapFrames(1, 0x10, 1, FIRST_MFN);
            bench.host.forgetCalls();

            assertEquals(RequestStatus.OK, bench.attach(1, 1));

            assertEquals("100000+1000", bench.read(1, 0x10_000));
            assertEquals(List.of(), bench.host.calls());
        }
    }

    @Test
    void C44_C46_detachIsForTheDomainThatTheEndpointIsIn() {
        try (DomainBench bench = new DomainBench()) {
            bench.attach(1, 1);
            bench.attach(2, 2);
            bench.mapFrames(1, 0x10, 1, FIRST_MFN);

            assertEquals(RequestStatus.INVAL, bench.detach(2, 1));
            assertEquals(RequestStatus.INVAL, bench.detach(3, 1));
            assertEquals(RequestStatus.INVAL, bench.detach(1, 3));
            assertEquals("100000+1000", bench.read(1, 0x10_000));

            assertEquals(RequestStatus.OK, bench.detach(1, 1));
            assertEquals("-", bench.read(1, 0x10_000));
            assertEquals(-1, bench.hosted(1));
            assertEquals(0, bench.guest.mappedFrames());
        }
    }

    @Test
    void C48_C50_C55_C57_C58_mapIsRefusedWithNothingChanged() {
        try (DomainBench bench = new DomainBench()) {
            assertEquals(RequestStatus.NOENT, bench.mapFrames(1, 0x10, 1, FIRST_MFN));
            bench.attach(1, 1);
            bench.mapFrames(1, 0x10, 4, FIRST_MFN);
            long digest = bench.guest.digest();

            for (long bfn = 0x0f; bfn <= 0x13; bfn++) {
                assertEquals(RequestStatus.INVAL, bench.mapFrames(1, bfn, 2, SECOND_MFN), "bfn=" + bfn);
            }
            assertEquals(RequestStatus.INVAL, bench.mapFrames(1, 0x0f, 6, SECOND_MFN));
            assertEquals(RequestStatus.INVAL, bench.mapFrames(1, 0xfed, 2, SECOND_MFN));
            assertEquals(RequestStatus.INVAL, bench.mapFrames(1, 0xfef, 1, SECOND_MFN));
            assertEquals(RequestStatus.INVAL, bench.map(1, 0x5000, 0x4fff, 0, Access.READ));
            assertEquals(RequestStatus.RANGE, bench.map(1, 0x5000, 0x5fff, -0x800, Access.READ));
            assertEquals(RequestStatus.RANGE, bench.mapFrames(1, 0x10_0000, 1, FIRST_MFN)); // above the host's aperture

            assertEquals(digest, bench.guest.digest());
            assertEquals(RequestStatus.OK, bench.mapFrames(1, 0x14, 1, FIRST_MFN)); // neighbours are no overlap
            assertEquals(RequestStatus.OK, bench.mapFrames(1, 0xfed, 1, FIRST_MFN));
            assertEquals(RequestStatus.OK, bench.mapFrames(1, 0xff0, 1, FIRST_MFN));
        }
    }

    @Test
    void C52_C53_rightsAreThoseOfTheMapping() {
        try (DomainBench bench = new DomainBench()) {
            bench.attach(1, 1);
            bench.map(1, 0x1000, 0x1fff, FIRST_MFN << 12, Access.READ);
            bench.map(1, 0x2000, 0x2fff, FIRST_MFN << 12, Access.WRITE);
            bench.map(1, 0x3000, 0x3fff, FIRST_MFN << 12, 0);

            assertEquals("100000+1000", bench.reach(1, 0x1000, Access.READ));
            assertEquals("-", bench.reach(1, 0x1000, Access.WRITE));
            assertEquals("-", bench.reach(1, 0x1000, Access.READ_WRITE));
            assertEquals("100000+1000", bench.reach(1, 0x2000, Access.WRITE));
            assertEquals("-", bench.reach(1, 0x2000, Access.READ));
            assertEquals("-", bench.reach(1, 0x3000, Access.READ));
            assertEquals(2, bench.hosted(1)); // who may do nothing needs no translation
        }
    }

    @Test
    void C56_theTargetGoesOnWithTheIovaUpToTheLastByte() {
        try (DomainBench bench = new DomainBench()) {
            bench.attach(1, 1);
            bench.map(1, 0x1003, 0x1ffd, (FIRST_MFN << 12) + 7, Access.READ);

            assertEquals("-", bench.read(1, 0x1002));
            assertEquals("100007+ffb", bench.read(1, 0x1003));
            assertEquals("101001+1", bench.read(1, 0x1ffd));
            assertEquals("-", bench.read(1, 0x1ffe));
            assertEquals(0, bench.hosted(1)); // no whole frame, and shifted against each other
        }
    }

    @Test
    void shouldGiveTheHostWholeFramesOnly() {
        try (DomainBench bench = new DomainBench()) {
            bench.attach(1, 1);
            bench.map(1, 0x1800, 0x47ff, (FIRST_MFN << 12) + 0x800, Access.READ);

            assertEquals("100800+3000", bench.read(1, 0x1800));
            assertEquals(2, bench.hosted(1)); // 0x2 and 0x3
            assertEquals(2, bench.guest.mappedFrames());
        }
    }

    @Test
    void shouldMapEachRegionOnItsOwnAndNeverJoinMappings() {
        try (DomainBench bench = new DomainBench()) {
            bench.attach(1, 1);
            bench.host.forgetCalls();
            bench.mapFrames(1, 0x10, 4, SECOND_MFN - 2);
            bench.mapFrames(1, 0x14, 1, SECOND_MFN + 2);

            assertEquals(
                    List.of("map 1", "map 1", "map 1"),
                    bench.host.order().stream()
                            .filter(each -> each.startsWith("map"))
                            .toList());
            assertEquals("1fe000+2000", bench.read(1, 0x10_000)); // up to the end of the region
            bench.unmap(1, 0x14_000, 0x14_fff);
            assertEquals(4, bench.hosted(1));
        }
    }

    @Test
    void shouldKeepTargetsThatAreNoMemoryAndLetThemFault() {
        try (DomainBench bench = new DomainBench()) {
            bench.attach(1, 1);
            assertEquals(RequestStatus.OK, bench.mapFrames(1, 0x10, 0x10, FIRST_MFN - 4));
            assertEquals(RequestStatus.OK, bench.device.map(1, 0x5000, 0x5fff, FIRST_MFN << 12, 3, true));
            assertEquals(RequestStatus.OK, bench.mapFrames(1, 0x40, 3, HYPERVISOR_MFN - 1));
            assertEquals(RequestStatus.OK, bench.map(1, -4096, -1, 0, Access.READ)); // the end of 64 bits

            assertEquals("-", bench.read(1, 0x13_fff));
            assertEquals("100000+c000", bench.read(1, 0x14_000));
            assertEquals("-", bench.read(1, 0x5000)); // device registers
            assertEquals("1ef000+1000", bench.read(1, 0x40_000));
            assertEquals("-", bench.read(1, 0x41_000)); // the hypervisor's
            assertEquals("1f1000+1000", bench.read(1, 0x42_000));
            assertEquals("-", bench.read(1, -1));
            assertEquals(12 + 2, bench.hosted(1));
            assertEquals(RequestStatus.OK, bench.unmap(1, 0, -1));
        }
    }

    @Test
    void shouldKeepAHugeIdentityMapWithinTheUsualQuota() {
        try (DomainBench bench = new DomainBench()) {
            bench.attach(1, 2);
            assertEquals(RequestStatus.OK, bench.map(1, 0, 0x7f_ffff_ffffL, 0, Access.READ_WRITE));

            assertEquals("100000+f0000", bench.read(2, 0x100_000));
            assertEquals(511, bench.guest.mappedFrames());
        }
    }

    @Test
    void C59_quotasAreToldAndChangeNothing() {
        try (DomainBench bench = new DomainBench(false, DomainBench.policy(8, 40, 64, 3))) {
            bench.attach(1, 1);
            assertEquals(RequestStatus.OK, bench.mapFrames(1, 0x10, 8, FIRST_MFN));
            assertEquals(RequestStatus.NOMEM, bench.mapFrames(1, 0x20, 1, FIRST_MFN));
            assertEquals(RequestStatus.OK, bench.attach(2, 2));
            assertEquals(RequestStatus.NOMEM, bench.attach(3, 3)); // with address space 0 that would be four
            assertEquals(RequestStatus.UNSUPP, bench.attach(3, 1)); // C37: an endpoint that cannot move
            assertEquals(2, bench.guest.domainList().size());

            long iova = 0x100_0000;
            int status = 0;
            while (status == 0) { // no memory behind it, so only table pages run out
                status = bench.map(1, iova, iova, 0, Access.READ);
                iova += 2;
            }
            assertEquals(RequestStatus.NOMEM, status);
            assertEquals(RequestStatus.OK, bench.unmap(1, 0, -1));
            assertEquals(RequestStatus.OK, bench.mapFrames(1, 0x20, 1, FIRST_MFN));
        }
    }

    @Test
    void shouldFlushEarlyAtTheBoundOnHeldFrames() {
        try (DomainBench bench = new DomainBench(false, DomainBench.policy(1 << 20, 4096, 8, 16))) {
            bench.attach(1, 1);
            for (long i = 0; i < 16; i++) {
                bench.mapFrames(1, 0x10 + 2 * i, 2, FIRST_MFN + 2 * i);
            }
            bench.host.observe(call -> assertTrue(bench.guest.heldFrames() <= 8 + 1));

            assertEquals(RequestStatus.OK, bench.unmap(1, 0, -1));

            assertTrue(bench.guest.stats().earlyFlushes() >= 3);
        }
    }

    @Test
    void I2_framesAreHeldUntilTheFlushAndTheRecordComesBeforeTheyAreLetGo() {
        try (DomainBench bench = new DomainBench()) {
            bench.attach(1, 1);
            bench.mapFrames(1, 0x10, 4, FIRST_MFN);
            bench.mapFrames(1, 0x20, 1, SECOND_MFN);
            bench.log.forget();
            bench.host.forgetCalls();
            bench.log.observeDomainBatches(() -> {
                assertEquals(5, bench.guest.heldFrames());
                assertEquals(1, bench.guest.regions().getFirst().totalHolds());
                assertEquals(List.of("unmap 1", "unmap 1", "flush 1"), bench.host.order());
            });

            bench.device.unmap(1, 0x10_000, 0x13_fff);
            bench.device.unmap(1, 0x20_000, 0x20_fff);
            assertEquals(1, bench.guest.regions().getFirst().totalHolds());
            assertTrue(bench.device.endBatch());

            assertEquals(List.of("UNMAP=0 UNMAP=0 DONE"), bench.log.domainBatches());
            assertEquals(0, bench.guest.regions().getFirst().totalHolds());
            assertEquals(0, bench.guest.heldFrames());
        }
    }

    @Test
    void shouldTakeUnmapAndMapOfTheSamePlaceInOneBatch() {
        try (DomainBench bench = new DomainBench()) {
            bench.attach(1, 1);
            bench.mapFrames(1, 0x10, 4, FIRST_MFN);

            assertEquals(0, bench.device.unmap(1, 0x10_000, 0x13_fff));
            assertEquals(0, bench.device.map(1, 0x10_000, 0x10_fff, SECOND_MFN << 12, Access.READ, false));
            assertTrue(bench.device.endBatch());

            assertEquals("200000+1000", bench.read(1, 0x10_000));
            assertEquals("-", bench.read(1, 0x11_000));
        }
    }

    @Test
    void shouldEndABatchThatIsTooLongByItself() {
        try (DomainBench bench = new DomainBench()) {
            bench.attach(1, 1);
            bench.log.forget();
            for (int i = 0; i < 150; i++) {
                assertEquals(0, bench.device.map(1, 0x1000L * i, 0x1000L * i + 4095, FIRST_MFN << 12, 1, false));
            }
            assertTrue(bench.device.endBatch());

            assertEquals(3, bench.log.domainBatches().size());
            assertEquals(150, bench.guest.mappedFrames());
            assertTrue(bench.device.endBatch()); // and one without requests is nothing
            assertEquals(3, bench.log.domainBatches().size());
        }
    }

    @Test
    void shouldChangeNothingWithoutRoomToRecordIt() {
        try (DomainBench bench = new DomainBench()) {
            bench.attach(1, 1);
            bench.mapFrames(1, 0x10, 1, FIRST_MFN);
            bench.log.refuse(true, true);
            assertEquals(RequestStatus.IOERR, bench.device.attach(2, 2, false));
            assertEquals(RequestStatus.IOERR, bench.device.attach(1, 1, false));
            assertEquals(RequestStatus.UNSUPP, bench.device.attach(2, 1, false)); // C37
            assertEquals(RequestStatus.IOERR, bench.device.map(1, 0x1000, 0x1fff, 0, 1, false));
            assertEquals(RequestStatus.IOERR, bench.device.unmap(1, 0, -1));
            assertEquals(RequestStatus.IOERR, bench.device.detach(1, 1));
            assertTrue(bench.device.endBatch());
            assertEquals(List.of("10000-10fff"), bench.mappings(1));

            bench.log.refuse(true, false);
            assertEquals(RequestStatus.IOERR, bench.mapFrames(1, 0x20, 1, FIRST_MFN));
            assertEquals(RequestStatus.OK, bench.unmap(1, 0, -1));
            bench.log.refuse(false, false);
        }
    }

    @Test
    void shouldAnswerNothingForAGuestThatIsGone() {
        DomainBench bench = new DomainBench();
        bench.attach(1, 1);
        bench.engine.removeGuest(bench.guest);

        assertEquals(RequestStatus.IOERR, bench.device.attach(1, 1, false));
        assertEquals(RequestStatus.IOERR, bench.device.unmap(1, 0, -1));
        bench.device.endBatch();
        assertFalse(bench.guest.lock().isLocked());
        bench.device.reset();
        bench.device.close();
        bench.engine.close();
    }
}
