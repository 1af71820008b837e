package org.pviommu.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.pviommu.engine.DomainBench.FIRST_MFN;
import static org.pviommu.engine.DomainBench.SECOND_MFN;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.pviommu.engine.support.HostCall.Kind;

/** The host IOMMU refuses: statuses are true, nothing is half done, and what it keeps is held. */
class DomainRefusalTest {

    @ParameterizedTest
    @ValueSource(ints = {-12, -28, -5})
    void shouldTakeAMapBackWhoseLaterPieceIsRefused(int errno) {
        try (DomainBench bench = new DomainBench()) {
            bench.attach(1, 1);
            for (int piece = 0; piece < 2; piece++) {
                for (int i = 0; i < piece; i++) {
                    bench.host.answerOnce(Kind.MAP, 0); // no page comes of it, but that piece is not looked at
                }
                bench.host.answerOnce(Kind.MAP, errno);
                int status = bench.mapFrames(1, 0x10, 4, SECOND_MFN - 2);

                assertEquals(errno == -5 ? RequestStatus.DEVERR : RequestStatus.NOMEM, status);
                assertEquals("-", bench.read(1, 0x10_000));
                assertEquals(List.of(), bench.mappings(1));
                assertEquals(0, bench.guest.digest());
                assertEquals(0, bench.guest.mappedFrames());
                assertEquals(0, bench.hosted(1));
                bench.host.behave();
            }
            assertEquals(RequestStatus.OK, bench.mapFrames(1, 0x10, 4, SECOND_MFN - 2));
            assertEquals(4, bench.hosted(1));
        }
    }

    @Test
    void shouldHoldAMapThatTheHostNeitherTakesNorGivesBack() {
        try (DomainBench bench = new DomainBench()) {
            bench.attach(1, 1);
            int[] maps = {0};
            bench.host.observe(call -> {
                if (call.kind() == Kind.MAP && ++maps[0] == 2) {
                    bench.host.answerOnce(Kind.MAP, -5);
                    bench.host.answerOnce(Kind.UNMAP, -5);
                }
            });

            assertEquals(RequestStatus.DEVERR, bench.mapFrames(1, 0x10, 4, SECOND_MFN - 2));

            assertEquals("-", bench.read(1, 0x10_000));
            assertEquals(2, bench.hosted(1));
            assertEquals(1, bench.guest.regions().getFirst().totalHolds());
            assertEquals(RequestStatus.INVAL, bench.mapFrames(1, 0x12, 1, FIRST_MFN)); // taken until it is unmapped
            assertEquals(RequestStatus.OK, bench.unmap(1, 0, -1));
            assertEquals(0, bench.hosted(1));
            assertEquals(RequestStatus.OK, bench.mapFrames(1, 0x10, 4, SECOND_MFN - 2));
        }
    }

    @Test
    void shouldKeepAMappingWhoseRemovalIsRefusedAndRemoveTheOthers() {
        try (DomainBench bench = new DomainBench()) {
            bench.attach(1, 1);
            bench.mapFrames(1, 0x10, 1, FIRST_MFN);
            bench.mapFrames(1, 0x20, 4, SECOND_MFN - 2);
            bench.mapFrames(1, 0x30, 1, FIRST_MFN + 1);
            bench.host.refuseToCut(0x23); // of the second piece, one page is let go

            assertEquals(RequestStatus.IOERR, bench.unmap(1, 0, -1));

            assertEquals(List.of("20000-23fff"), bench.mappings(1));
            assertEquals(1, bench.hosted(1));
            assertEquals(4, bench.guest.mappedFrames());
            bench.host.behave();
            bench.host.forgetCalls();
            assertEquals(RequestStatus.OK, bench.unmap(1, 0, -1));
            assertEquals(1, bench.host.calls(Kind.UNMAP).size()); // only what is still there is asked for
            assertEquals(0, bench.hosted(1));
        }
    }

    @Test
    void D10_shouldKnowWhatTheHostRemovedBeyondWhatWasAsked() {
        try (DomainBench bench = new DomainBench()) {
            bench.attach(1, 1);
            bench.mapFrames(1, 0x10, 1, FIRST_MFN);
            bench.mapFrames(1, 0x11, 2, FIRST_MFN + 1);
            bench.host.answerOnce(Kind.UNMAP, 2);

            assertEquals(RequestStatus.OK, bench.unmap(1, 0x10_000, 0x10_fff));

            assertEquals(1, bench.hosted(1)); // the second mapping has lost a page
            assertEquals(RequestStatus.OK, bench.unmap(1, 0x11_000, 0x12_fff));
            assertEquals(RequestStatus.OK, bench.mapFrames(1, 0x10, 3, FIRST_MFN));
            assertEquals(3, bench.hosted(1));
            assertEquals(RequestStatus.OK, bench.unmap(1, 0, -1));
            assertEquals(0, bench.hosted(1));
        }
    }

    @Test
    void I4_aFailedFlushIsToldAndOwedUntilOneGoesWell() {
        try (DomainBench bench = new DomainBench()) {
            bench.attach(1, 1);
            bench.mapFrames(1, 0x10, 4, FIRST_MFN);
            bench.host.answerAlways(Kind.FLUSH, -5);

            assertEquals(RequestStatus.OK, bench.device.unmap(1, 0, -1));
            assertFalse(bench.device.endBatch());

            assertEquals(4, bench.guest.heldFrames());
            assertEquals(1, bench.guest.regions().getFirst().totalHolds());
            assertEquals("-", bench.read(1, 0x10_000));
            bench.host.behave();
            assertEquals(RequestStatus.OK, bench.device.map(1, 0, 4095, 0, 0, false)); // any batch
            assertTrue(bench.device.endBatch());
            assertEquals(0, bench.guest.heldFrames());
            assertEquals(0, bench.guest.regions().getFirst().totalHolds());
        }
    }

    @Test
    void C37_anEndpointThatCannotMoveStays() {
        try (DomainBench bench = new DomainBench()) {
            bench.attach(1, 3);
            bench.attach(1, 4);
            bench.mapFrames(1, 0x10, 4, FIRST_MFN);
            bench.host.answerOnce(Kind.ATTACH, -5);
            assertEquals(RequestStatus.UNSUPP, bench.attach(2, 2));
            bench.host.answerOnce(Kind.CREATE, -5);
            assertEquals(RequestStatus.DEVERR, bench.attach(2, 2));
            bench.host.answerOnce(Kind.CREATE, -12);
            assertEquals(RequestStatus.NOMEM, bench.attach(2, 2));
            assertEquals(1, bench.guest.domainList().size());
            bench.attach(2, 2);
            bench.mapFrames(2, 0x10, 1, SECOND_MFN);
            for (int errno : new int[] {-5, -12}) {
                bench.host.answerOnce(Kind.CREATE, errno);
                assertEquals(RequestStatus.UNSUPP, bench.attach(3, 2));
                assertEquals("200000+1000", bench.read(2, 0x10_000));
            }
            for (Kind kind : List.of(Kind.ATTACH, Kind.DETACH)) {
                bench.host.answerOnce(kind, -5);
                assertEquals(RequestStatus.UNSUPP, bench.attach(1, 2), kind.toString());
                bench.host.behave();

                assertEquals("200000+1000", bench.read(2, 0x10_000), kind.toString());
                assertEquals(1, bench.hosted(2), kind.toString());
                assertEquals(List.of(2), bench.guest.domainList().getLast().endpoints());
            }
        }
    }

    @Test
    void shouldBlockAnEndpointThatTheHostTakesNowhere() {
        try (DomainBench bench = new DomainBench()) {
            bench.attach(1, 1);
            bench.attach(2, 2);
            bench.mapFrames(2, 0x10, 1, SECOND_MFN);
            bench.host.answerAlways(Kind.ATTACH, -5);

            assertEquals(RequestStatus.UNSUPP, bench.attach(1, 2));

            assertEquals("-", bench.read(2, 0x10_000));
            assertEquals(-1, bench.hosted(2));
            bench.host.behave();
            assertEquals(RequestStatus.OK, bench.attach(2, 2)); // its domain is as it was
            assertEquals("200000+1000", bench.read(2, 0x10_000));
        }
    }

    @Test
    void shouldComeThroughARefusalOfAnyCall() {
        for (Kind kind : List.of(Kind.MAP, Kind.UNMAP, Kind.FLUSH, Kind.ATTACH, Kind.DETACH, Kind.CREATE)) {
            for (int which = 1; which <= 12; which++) {
                refuse(kind, which);
            }
        }
    }

    /** The work of a small driver, with one call refused; the bench checks that nothing is left over. */
    private static void refuse(Kind kind, int which) {
        try (DomainBench bench = new DomainBench()) {
            int[] seen = {0};
            bench.host.observe(call -> {
                if (call.kind() == kind && ++seen[0] == which) {
                    bench.host.answerOnce(kind, -5);
                }
            });
            bench.device.attach(1, 1, false);
            bench.device.attach(1, 3, false);
            bench.device.attach(1, 4, false);
            bench.device.attach(2, 2, true);
            bench.device.endBatch();
            for (int i = 0; i < 6; i++) {
                bench.device.map(1, 0x10_000L * i, 0x10_000L * i + 0x3fff, (SECOND_MFN - i) << 12, 3, false);
            }
            bench.device.endBatch();
            bench.device.unmap(1, 0, 0x1_ffff);
            bench.device.unmap(1, 0x2_0000, 0x2_ffff);
            bench.device.endBatch();
            bench.device.attach(3, 3, false);
            bench.device.attach(3, 4, false);
            bench.device.detach(2, 2);
            bench.device.endBatch();
            bench.device.setBypass(true);
            bench.device.reset();
            bench.device.setBypass(false);
            bench.device.attach(1, 1, false);
            bench.device.map(1, 0, 4095, FIRST_MFN << 12, 3, false);
            bench.device.endBatch();
        }
    }

    /** I1: what a refused removal did remove waits for a flush like everything else, whoever flushes next. */
    @Test
    void shouldFlushWhatARefusedUnmapHasRemoved() {
        try (DomainBench bench = new DomainBench()) {
            bench.attach(1, 1);
            bench.mapFrames(1, 0x40, 1, FIRST_MFN);
            bench.unmap(1, 0x40_000, 0x40_fff); // a flush that went well says nothing about the next gather
            bench.mapFrames(1, 0x10, 2, FIRST_MFN + 1);
            bench.host.refuseToCut(0x11);
            assertEquals(RequestStatus.IOERR, bench.unmap(1, 0x10_000, 0x11_fff));
            bench.host.behave();
            bench.attach(2, 2);
            bench.device.detach(2, 2);
            assertTrue(bench.device.endBatch());
            assertEquals(RequestStatus.OK, bench.unmap(1, 0x10_000, 0x11_fff)); // the host fails if a page is stale
            assertEquals(0, bench.guest.regions().getFirst().totalHolds());
        }
    }
}
