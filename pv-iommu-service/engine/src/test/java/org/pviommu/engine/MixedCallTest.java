package org.pviommu.engine;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.pviommu.abi.IommuStatus.EADDRINUSE;
import static org.pviommu.abi.IommuStatus.EBUSY;
import static org.pviommu.abi.IommuStatus.EINVAL;
import static org.pviommu.abi.IommuStatus.EIO;
import static org.pviommu.abi.IommuStatus.ENOENT;
import static org.pviommu.abi.IommuStatus.ENOMEM;
import static org.pviommu.abi.IommuStatus.ENOSPC;
import static org.pviommu.engine.Bench.DATA_MFN;
import static org.pviommu.engine.support.MixedOp.map;
import static org.pviommu.engine.support.MixedOp.unmap;

import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.pviommu.abi.IommuOp;
import org.pviommu.engine.support.HostCall.Kind;
import org.pviommu.engine.support.MixedOp;
import org.pviommu.engine.support.Op;
import org.pviommu.engine.support.RecordedSlice;

/** Maps and unmaps in one array: order, the one flush that serves both, and what is left when it fails. */
class MixedCallTest {
    private static final int DEFERRED = IommuOp.cmd(IommuOp.MIXED, IommuOp.F_DEFER, 0);
    private static final long A = DATA_MFN;
    private static final long B = DATA_MFN + 100;

    private static Bench mapped(long... bfns) {
        return mapped(Bench.policy(1000, 100, 64), bfns);
    }

    /** Bus frame {@code i} of the list leads to frame {@code A + i}. */
    private static Bench mapped(GuestPolicy policy, long... bfns) {
        Bench bench = new Bench(policy);
        for (int i = 0; i < bfns.length; i++) {
            bench.driver.map(Op.rw(bfns[i], A + i));
        }
        bench.host.forgetCalls();
        bench.log.forget();
        return bench;
    }

    private static void assertStatuses(Bench bench, int... expected) {
        assertArrayEquals(expected, bench.driver.statuses());
    }

    @Test
    void shouldShowEachElementTheOutcomeOfThoseBefore() {
        try (Bench bench = mapped(1)) {
            assertEquals(
                    0,
                    bench.driver.mixed(map(1, B), unmap(1), unmap(1), map(1, B), map(1, B + 1), map(2, B), unmap(2)));
            assertStatuses(bench, EADDRINUSE, 0, ENOENT, 0, EADDRINUSE, 0, 0);
            assertEquals(new Translation(1, B, 3), bench.space().translate(1));
            assertNull(bench.space().translate(2));
            assertEquals(1, bench.holds(B));
        }
    }

    @Test
    void shouldReplaceTheUsualDomZeroArrayWithOneFlush() {
        int pairs = 64;
        try (Bench bench = mapped()) {
            bench.driver.map(Op.rw(10, A).run(pairs));
            bench.host.forgetCalls();
            MixedOp[] ops = new MixedOp[2 * pairs];
            for (int i = 0; i < pairs; i++) {
                ops[2 * i] = unmap(10 + i);
                ops[2 * i + 1] = map(10 + i, B + i);
            }
            assertEquals(0, bench.driver.mixed(ops));
            assertStatuses(bench, new int[2 * pairs]);
            assertEquals(1, bench.host.count(Kind.FLUSH));
            assertEquals(List.of(new Mapping(10, B, pairs, 3)), bench.mappings());
            assertEquals(0, bench.space().owedPages());
        }
    }

    @Test
    void shouldTakeTheSameFrameAgain() {
        try (Bench bench = mapped(1)) {
            bench.host.observe(call ->
                    assertEquals(call.kind() == Kind.FLUSH ? 2 : call.kind() == Kind.MAP ? 2 : 1, bench.holds(A)));
            assertEquals(0, bench.driver.mixed(unmap(1), map(1, A)));
            bench.host.observe(ignored -> {});
            assertStatuses(bench, 0, 0);
            assertEquals(1, bench.holds(A));
            assertEquals(new Translation(1, A, 3), bench.space().translate(1));
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {A, B})
    void shouldUnmapWhatItMappedInPlaceOfSomethingRemoved(long second) {
        try (Bench bench = mapped(1)) {
            assertEquals(0, bench.driver.mixed(unmap(1), map(1, second), unmap(1)));
            assertStatuses(bench, 0, 0, 0);
            assertEquals(1, bench.host.count(Kind.FLUSH));
            bench.checkEmpty();
            assertEquals(0, bench.driver.mixed(map(1, A), unmap(1), map(1, B), unmap(1), map(1, A)));
            assertStatuses(bench, 0, 0, 0, 0, 0);
            assertEquals(1, bench.holds(A));
            assertEquals(0, bench.holds(B));
        }
    }

    /** At the full quota a bus frame can still change its frame: what is owed does not count. */
    @Test
    void shouldRemapAtTheFullQuota() {
        try (Bench bench = mapped(Bench.policy(2, 100, 64), 1, 2)) {
            assertEquals(0, bench.driver.mixed(unmap(1), map(1, B), map(3, B + 1), unmap(2), map(3, B + 1)));
            assertStatuses(bench, 0, 0, ENOSPC, 0, 0);
        }
    }

    @Test
    void shouldLeaveABfnOwedWhoseRemapTheHostRefuses() {
        try (Bench bench = mapped(1)) {
            bench.host.answerOnce(Kind.MAP, -12);
            bench.host.observe(call -> {
                if (call.kind() == Kind.FLUSH) {
                    assertEquals(1, bench.space().owedPages(), "it was not emptied by the roll-back");
                    assertEquals(1, bench.holds(A));
                    assertEquals(0, bench.holds(B));
                }
            });
            assertEquals(0, bench.driver.mixed(unmap(1), map(1, B)));
            bench.host.observe(ignored -> {});
            assertStatuses(bench, 0, ENOMEM);
            bench.checkEmpty();
        }
        try (Bench bench = mapped(1)) {
            bench.host.answerOnce(Kind.MAP, -5);
            assertEquals(0, bench.driver.mixed(unmap(1), map(1, B), map(1, B + 1)));
            assertStatuses(bench, 0, EIO, 0);
            assertEquals(new Translation(1, B + 1, 3), bench.space().translate(1));
        }
    }

    @Test
    void shouldLeaveABfnOwedWhoseRemapTheHostRefusesAndWhoseFlushFails() {
        try (Bench bench = mapped(1)) {
            bench.host.answerOnce(Kind.MAP, -5);
            bench.host.answerAlways(Kind.FLUSH, -5);
            assertEquals(EIO, bench.driver.mixed(unmap(1), map(1, B)));
            assertStatuses(bench, EIO, EIO);
            bench.driver.map(Op.rw(1, B));
            assertEquals(EADDRINUSE, bench.driver.status(0));
            assertEquals(1, bench.holds(A));
            assertEquals(0, bench.holds(B));
        }
    }

    @Test
    void shouldUndoTheRemapWhenTheFlushFails() {
        try (Bench bench = mapped(1, 2)) {
            bench.host.answerAlways(Kind.FLUSH, -5);
            assertEquals(EIO, bench.driver.mixed(unmap(1), map(1, B), map(5, B + 5), unmap(7), unmap(2)));
            assertStatuses(bench, EIO, EIO, 0, ENOENT, EIO);
            assertNull(bench.space().translate(1));
            assertEquals(1, bench.holds(A), "held");
            assertEquals(1, bench.holds(B), "held, too: the device may have seen it");
            assertEquals(3, bench.space().owedPages());
            assertEquals(List.of(new Mapping(5, B + 5, 1, 3)), bench.mappings());
            assertOwed(bench, 1, 2);

            bench.host.behave();
            assertEquals(0, bench.driver.flush(0));
            assertEquals(0, bench.space().owedPages());
            assertEquals(0, bench.holds(A));
            assertEquals(0, bench.holds(B));
            bench.driver.map(Op.rw(1, B + 1));
            assertEquals(0, bench.driver.status(0));
        }
    }

    private static void assertOwed(Bench bench, long... bfns) {
        for (long bfn : bfns) {
            bench.driver.lookup(Op.at(bfn));
            assertEquals(ENOENT, bench.driver.status(0), "bfn=" + bfn);
            bench.driver.mixed(map(bfn, B + 50));
            assertEquals(EADDRINUSE, bench.driver.status(0), "bfn=" + bfn);
        }
    }

    @Test
    void shouldFailEveryElementOfABfnThatEndsUpOwed() {
        try (Bench bench = mapped(1)) {
            bench.host.answerAlways(Kind.FLUSH, -5);
            // 1: unmap, map, unmap; 2: map, unmap; 3: only mapped
            assertEquals(
                    EIO, bench.driver.mixed(unmap(1), map(1, B), unmap(1), map(2, B + 1), unmap(2), map(3, B + 2)));
            assertStatuses(bench, EIO, EIO, EIO, EIO, EIO, 0);
            assertEquals(3, bench.guest.stats().heldFrames());
            assertOwed(bench, 1, 2);
            bench.host.behave();
            assertEquals(0, bench.driver.flush(0));
            assertEquals(1, bench.guest.stats().mappedFrames());
        }
    }

    /** What the host will not take back stays mapped, told with -EIO: success is never claimed for what is in doubt. */
    @Test
    void shouldTellTheTruthWhenEvenTheUndoIsRefused() {
        try (Bench bench = mapped(1)) {
            bench.host.answerAlways(Kind.FLUSH, -5);
            bench.host.observe(call -> {
                if (call.kind() == Kind.FLUSH) {
                    bench.host.answerAlways(Kind.UNMAP, -5);
                }
            });
            assertEquals(EIO, bench.driver.mixed(unmap(1), map(1, B), map(2, B + 1)));
            assertStatuses(bench, EIO, EIO, 0);
            assertEquals(new Translation(1, B, 3), bench.space().translate(1));
            assertEquals(1, bench.holds(A));
            assertEquals(1, bench.holds(B));

            bench.host.behave();
            bench.host.observe(ignored -> {});
            assertEquals(0, bench.driver.flush(0));
            assertEquals(0, bench.holds(A), "released");
            assertEquals(1, bench.holds(B), "still mapped");
            assertEquals(0, bench.driver.mixed(unmap(1), unmap(2)));
            assertStatuses(bench, 0, 0);
            bench.checkEmpty();
        }
    }

    /** Also when so much was removed that the flush is to cover the whole address space: a plain map is no part of that. */
    @Test
    void shouldBlameOnlyTheRemapThatCouldNotBeUndone() {
        int removals = IotlbGather.MAX_RANGES + 1;
        long[] bfns = new long[removals];
        Arrays.setAll(bfns, i -> 10 + 2L * i);
        try (Bench bench = mapped(Bench.policy(1000, 100, 100), bfns)) {
            MixedOp[] ops = new MixedOp[removals + 2];
            Arrays.setAll(ops, i -> i < removals ? unmap(bfns[i]) : map(10, B));
            ops[removals + 1] = map(2, B + 1);
            bench.host.answerAlways(Kind.FLUSH, -5);
            bench.host.observe(call -> {
                if (call.kind() == Kind.FLUSH) {
                    assertTrue(call.wholeSpace());
                    bench.host.answerAlways(Kind.UNMAP, -5);
                }
            });

            assertEquals(EIO, bench.driver.mixed(ops));

            assertEquals(EIO, bench.driver.status(removals), "in place of what is not flushed");
            assertEquals(0, bench.driver.status(removals + 1));
            assertEquals(new Translation(2, B + 1, 3), bench.space().translate(2));
            bench.host.observe(ignored -> {});
        }
    }

    /** The same frame on both sides: one hold for the removal and one for what is still mapped. */
    @Test
    void shouldKeepBothHoldsOfOneFrameWhenTheUndoIsRefused() {
        try (Bench bench = mapped(1)) {
            bench.host.answerAlways(Kind.FLUSH, -5);
            bench.host.answerOnce(Kind.UNMAP, 1);
            bench.host.answerOnce(Kind.UNMAP, -16);
            assertEquals(EIO, bench.driver.mixed(unmap(1), map(1, A)));
            assertStatuses(bench, EIO, EIO);
            assertEquals(2, bench.holds(A));
            bench.host.behave();
            bench.driver.flush(0);
            assertEquals(1, bench.holds(A));
            assertEquals(new Translation(1, A, 3), bench.space().translate(1));
        }
    }

    /** Undoing a remap takes a neighbour along that the host had merged with it. */
    @Test
    void shouldOweWhatAnUndoRemovesUnasked() {
        try (Bench bench = mapped(1, 2)) {
            bench.host.answerAlways(Kind.FLUSH, -5);
            bench.host.answerOnce(Kind.UNMAP, 1);
            bench.host.answerOnce(Kind.UNMAP, 2);
            assertEquals(EIO, bench.driver.mixed(unmap(1), map(1, B)));
            assertStatuses(bench, EIO, EIO);
            assertEquals(0, bench.space().mappedPages());
            assertEquals(3, bench.space().owedPages());
            bench.host.behave();
            bench.driver.flush(0);
            bench.checkEmpty();
        }
    }

    @Test
    void shouldNotMapAgainWhatItRemovedWhenDeferred() {
        try (Bench bench = mapped(1, 2)) {
            assertEquals(0, bench.driver.run(DEFERRED, unmap(1), map(1, B), unmap(1), map(3, B + 3)));
            assertStatuses(bench, 0, EADDRINUSE, ENOENT, 0);
            assertEquals(0, bench.host.count(Kind.FLUSH));
            assertEquals(1, bench.holds(A));
            assertEquals(0, bench.holds(B));
            // nor does a call that is not deferred map what an earlier one left owed
            assertEquals(0, bench.driver.mixed(map(1, B), unmap(2), map(1, B), map(2, B)));
            assertStatuses(bench, EADDRINUSE, 0, EADDRINUSE, 0);
            assertEquals(0, bench.space().owedPages());
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void shouldFlushEarlyAtTheBoundInTheMiddle(boolean deferred) {
        try (Bench bench = mapped(Bench.policy(100, 100, 2), 1, 2, 3)) {
            bench.host.observe(call -> {
                if (call.kind() == Kind.UNMAP && call.first() == 3) {
                    assertEquals(0, bench.holds(A), "released by the early flush");
                }
            });
            MixedOp[] ops = {unmap(1), map(1, B), unmap(2), unmap(3), map(3, B + 3), map(2, B + 2)};
            assertEquals(0, bench.driver.run(deferred ? DEFERRED : IommuOp.MIXED, ops));
            assertStatuses(bench, 0, deferred ? EADDRINUSE : 0, 0, 0, deferred ? EADDRINUSE : 0, 0);
            assertEquals(deferred ? 1 : 2, bench.host.count(Kind.FLUSH));
            assertEquals(1, bench.guest.stats().earlyFlushes());
            assertEquals(3, bench.log.slices().getFirst().operations());
            assertEquals(SliceRecord.Flush.DONE, bench.log.slices().getFirst().flush());
            assertEquals(3, bench.log.last().operations());
        }
    }

    @Test
    void shouldRefuseWhatNeedsAnEarlyFlushThatFailsAndFinishTheRest() {
        try (Bench bench = mapped(Bench.policy(100, 100, 1), 1, 2)) {
            for (int i = 0; i < AddressSpace.FLUSH_ATTEMPTS; i++) {
                bench.host.answerOnce(Kind.FLUSH, -5);
            }
            assertEquals(0, bench.driver.mixed(unmap(1), map(1, B), unmap(2), map(3, B + 3)));
            assertStatuses(bench, 0, 0, EIO, 0);
            assertEquals(new Translation(2, A + 1, 3), bench.space().translate(2));
            assertEquals(0, bench.space().owedPages(), "the final flush worked");
        }
    }

    /** What the early flush covered keeps its success, remaps included; only what came after it is undone. */
    @Test
    void shouldUndoOnlyWhatNoFlushHasCovered() {
        try (Bench bench = mapped(Bench.policy(100, 100, 1), 1, 2)) {
            bench.host.observe(call -> {
                if (call.kind() == Kind.UNMAP && call.first() == 2) {
                    bench.host.answerAlways(Kind.FLUSH, -5);
                }
            });
            assertEquals(EIO, bench.driver.mixed(unmap(1), map(1, B), unmap(2), map(2, B + 2)));
            assertStatuses(bench, 0, 0, EIO, EIO);
            assertEquals(List.of(new Mapping(1, B, 1, 3)), bench.mappings());
            assertEquals(2, bench.guest.stats().heldFrames());
        }
    }

    @Test
    void shouldUndoAllOfALongCallWhoseFlushFails() {
        int pairs = 5000; // 10,000 operations: three slices
        try (Bench bench = mapped(Bench.policy(20_000, 4096, 65_536))) {
            Op[] maps = new Op[pairs];
            Arrays.setAll(maps, i -> Op.rw(i, A + i % 500));
            bench.driver.map(maps);
            bench.log.forget();
            MixedOp[] ops = new MixedOp[2 * pairs];
            int[] expected = new int[2 * pairs];
            Arrays.fill(expected, EIO);
            for (int i = 0; i < pairs; i++) {
                ops[2 * i] = unmap(i);
                ops[2 * i + 1] = map(i, A + 500 + i % 500);
            }
            ops[4096] = unmap(1L << 18); // at slice boundaries: nothing to remove, nothing removed before, bad kind
            expected[4096] = ENOENT;
            expected[4097] = EADDRINUSE;
            ops[8191] = map(1L << 19, A);
            expected[8191] = 0;
            ops[8192] = new MixedOp(77, 0, 0, 0);
            ops[8193] = map(4096, A);
            expected[8192] = EINVAL;
            expected[8193] = EADDRINUSE;
            bench.host.answerAlways(Kind.FLUSH, -5);
            assertEquals(EIO, bench.driver.mixed(ops));
            assertStatuses(bench, expected);
            assertEquals(3, bench.space().mappedPages());
            assertEquals(3, bench.log.slices().size());
            assertEquals(
                    2 * pairs,
                    bench.log.slices().stream()
                            .mapToInt(RecordedSlice::operations)
                            .sum());
            bench.host.behave();
            assertEquals(0, bench.driver.flush(0));
            assertEquals(0, bench.guest.stats().heldFrames());
            assertEquals(3, bench.guest.stats().mappedFrames());
        }
    }

    @Test
    void shouldKeepPagesThatCannotBeCutAndTheirMapsRefused() {
        try (Bench bench = mapped(1, 2)) {
            bench.host.refuseToCut(1);
            assertEquals(0, bench.driver.mixed(unmap(1), map(1, B), unmap(2), map(2, B)));
            assertStatuses(bench, EBUSY, EADDRINUSE, 0, 0);
        }
    }

    @Test
    void shouldRefuseMapsAndRemoveFromTheReserveWithoutRoomForMaps() {
        try (Bench bench = mapped(1, 2)) {
            bench.log.refuse(true, false);
            assertEquals(EIO, bench.driver.mixed(unmap(1), map(1, B), new MixedOp(9, 1, 1, 1), unmap(2)));
            assertStatuses(bench, 0, EIO, EINVAL, 0);
            bench.checkEmpty();
            assertEquals(4, bench.log.last().operations());
            bench.log.refuse(true, true);
            assertEquals(EIO, bench.driver.mixed(unmap(1), map(1, B)));
            assertStatuses(bench, EIO, EIO);
        }
    }

    /** A failure of ours in the middle of a call: nothing is fresh afterwards, and the next flush covers everything. */
    @ParameterizedTest
    @ValueSource(strings = {"MAP", "UNMAP", "FLUSH"})
    void shouldLeaveNothingFreshAfterAnException(String where) {
        try (Bench bench = mapped(1, 4, 7)) {
            bench.host.observe(call -> {
                if (call.kind() == Kind.valueOf(where) && (call.first() == 4 || call.kind() == Kind.FLUSH)) {
                    bench.host.failOnce(call.kind(), new IllegalStateException("our bug"));
                    bench.host.observe(ignored -> {});
                }
            });
            assertThrows(
                    IllegalStateException.class, () -> bench.driver.mixed(unmap(1), unmap(4), map(4, B), unmap(7)));
            assertEquals(1, bench.holds(A));
            assertTrue(bench.space().gather().isWholeSpace());
            bench.driver.mixed(map(1, B + 9));
            assertStatuses(bench, EADDRINUSE);
            bench.driver.unmap(Op.at(4), Op.at(7));
            bench.checkEmpty();
        }
    }
}
