package org.pviommu.engine;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.pviommu.engine.Bench.ARRAY_MFN;
import static org.pviommu.engine.Bench.ARRAY_PAGES;
import static org.pviommu.engine.Bench.DATA_MFN;
import static org.pviommu.engine.Bench.DATA_PAGES;
import static org.pviommu.engine.Bench.LAST_BFN;
import static org.pviommu.engine.Bench.MSI_FIRST;
import static org.pviommu.engine.Bench.MSI_LAST;
import static org.pviommu.engine.Bench.NO_MFN;
import static org.pviommu.engine.Bench.RESERVED_MFN;

import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.pviommu.abi.IommuMapOp;
import org.pviommu.abi.IommuOp;
import org.pviommu.abi.IommuStatus;
import org.pviommu.engine.support.GuestDriver;
import org.pviommu.engine.support.HostCall.Kind;
import org.pviommu.engine.support.Op;
import org.pviommu.engine.support.RecordedSlice;
import org.pviommu.engine.support.TestMemory;

/**
 * The fault catalogue's rows about the hypercall array, as far as map_page, unmap_page, lookup_page and query_caps on
 * address space 0 can meet them; {@link CatalogueAOtherCallsTest} has those of the other sub-operations. Rows about threads
 * (A07, A34) are in {@link CatalogueARaceTest}, those about quotas (A33) in {@link CatalogueAQuotaTest}, and the one about
 * memory that goes away (A05) in {@link VanishingMemoryTest}. {@link Bench#close} adds the row's "SAFE" to each test.
 *
 * <p>A08 does not apply here: count arrives in a register; the ring transport
 * has the count word.
 */
class CatalogueATest {
    private static final int SLICE = HypercallExecutor.SLICE_OPERATIONS;

    private static int[] all(int n, int status) {
        int[] statuses = new int[n];
        Arrays.fill(statuses, status);
        return statuses;
    }

    @Test
    void A01_countZeroLeavesNoTrace() {
        try (Bench bench = new Bench()) {
            bench.host.forgetCalls();
            for (int subOp = IommuOp.QUERY_CAPS; subOp <= IommuOp.MIXED; subOp++) {
                int expected = subOp == IommuOp.QUERY_RESERVED ? 2 : 0; // tells how many there are
                assertEquals(expected, bench.driver.call(subOp, 0));
                assertEquals(expected, bench.driver.executor().call(subOp, 12345, 0));
            }
            assertEquals(0, bench.log.reservations());
            assertEquals(List.of(), bench.log.slices());
            assertEquals(List.of(), bench.host.calls());
            assertEquals(0, bench.guest.stats().operations());
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {Integer.MIN_VALUE, -1, Integer.MIN_VALUE + 1})
    void A02_countAboveTheLimitIsEinval(int count) {
        try (Bench bench = new Bench()) {
            bench.driver.write(Op.rw(1, DATA_MFN));
            assertEquals(IommuStatus.EINVAL, bench.driver.call(IommuOp.MAP_PAGE, count));
            assertEquals(0, bench.log.reservations());
        }
    }

    @Test
    void A02_theLargestCountIsWorkedOffToTheEndOfMemory() {
        try (Bench bench = new Bench()) {
            Op[] ops = Op.rw(0, DATA_MFN).run(170);
            bench.driver.placeArraysAt((ARRAY_PAGES - 1) * 4096L);
            bench.driver.write(ops);
            assertEquals(IommuStatus.EFAULT, bench.driver.call(IommuOp.MAP_PAGE, Integer.MAX_VALUE));
            assertEquals(170, bench.space().mappedPages());
            assertEquals(0, bench.driver.status(169));
        }
    }

    @Test
    void A03_anArrayThatWrapsIsEinval() {
        try (Bench bench = new Bench()) {
            HypercallExecutor executor = bench.driver.executor();
            long longest = (long) IommuMapOp.SIZE * Integer.MAX_VALUE;
            assertEquals(IommuStatus.EINVAL, executor.call(IommuOp.MAP_PAGE, -8, 1));
            assertEquals(IommuStatus.EINVAL, executor.call(IommuOp.MAP_PAGE, -16, Integer.MAX_VALUE));
            assertEquals(IommuStatus.EINVAL, executor.call(IommuOp.UNMAP_PAGE, -longest + 8, Integer.MAX_VALUE));
            assertEquals(IommuStatus.EINVAL, executor.call(IommuOp.QUERY_CAPS, -32, 1));
            // The last byte is the last one there is: no wrap, but no memory either.
            assertEquals(IommuStatus.EFAULT, executor.call(IommuOp.MAP_PAGE, -24, 1));
            assertEquals(IommuStatus.EFAULT, executor.call(IommuOp.LOOKUP_PAGE, -longest, Integer.MAX_VALUE));
            assertEquals(0, bench.log.reservations());
        }
    }

    @Test
    void A04_anArrayThatRunsPastMemoryIsAppliedAndFlushedUpToTheFault() {
        try (Bench bench = new Bench()) {
            assertEquals(0, bench.driver.map(Op.rw(0, DATA_MFN).run(300)));
            bench.driver.placeArraysAt(ARRAY_PAGES * 4096L - 24 * 100 - 16); // element 100 straddles the end
            Op[] ops = new Op[100];
            Arrays.setAll(ops, Op::at);
            bench.driver.write(ops);
            bench.host.forgetCalls();

            assertEquals(IommuStatus.EFAULT, bench.driver.call(IommuOp.UNMAP_PAGE, 300));

            for (int i = 0; i < 100; i++) {
                assertEquals(0, bench.driver.status(i));
            }
            assertEquals(200, bench.space().mappedPages());
            assertEquals(1, bench.host.count(Kind.FLUSH));
            assertEquals(0, bench.holds(DATA_MFN + 99));
            assertEquals(1, bench.holds(DATA_MFN + 100));
            assertEquals(100, bench.log.last().operations());
            assertEquals(SliceRecord.Flush.DONE, bench.log.last().flush());
        }
    }

    @Test
    void A04_aHoleInTheMiddleEndsTheArray() {
        try (Bench bench = new Bench()) {
            TestMemory left = new TestMemory(1);
            TestMemory right = new TestMemory(1);
            bench.register(0x200, 1, left);
            bench.register(0x202, 1, right); // 0x201 is the hole
            long arg = (0x201L << 12) - 2 * 24;
            writeElement(bench, arg, 5, DATA_MFN);
            writeElement(bench, arg + 24, 6, DATA_MFN + 1);

            assertEquals(IommuStatus.EFAULT, bench.driver.executor().call(IommuOp.MAP_PAGE, arg, 200));

            assertEquals(0, bench.getInt(arg + 20));
            assertEquals(0, bench.getInt(arg + 44));
            assertEquals(List.of(new Mapping(5, DATA_MFN, 2, Access.READ_WRITE)), bench.mappings());
            assertTrue(Arrays.stream(right.segment().toArray(ValueLayout.JAVA_LONG))
                    .allMatch(v -> v == 0));
        }
    }

    @Test
    void A04_anArrayMaySpanNeighbouringRegions() {
        for (int inFirst = 0; inFirst <= 24; inFirst += 8) {
            try (Bench bench = new Bench()) {
                bench.register(0x200, 1, new TestMemory(1));
                bench.register(0x201, 1, new TestMemory(1));
                long arg = (0x201L << 12) - 24 - inFirst; // element 1 straddles the boundary
                for (int i = 0; i < 3; i++) {
                    writeElement(bench, arg + i * 24L, 100 + i, DATA_MFN + i);
                }
                assertEquals(0, bench.driver.executor().call(IommuOp.MAP_PAGE, arg, 3));
                for (int i = 0; i < 3; i++) {
                    assertEquals(0, bench.getInt(arg + i * 24L + 20));
                }
                assertEquals(List.of(new Mapping(100, DATA_MFN, 3, Access.READ_WRITE)), bench.mappings());
            }
        }
    }

    @Test
    void A04_anArrayOutsideMemoryAppliesNothing() {
        try (Bench bench = new Bench()) {
            assertEquals(IommuStatus.EFAULT, bench.driver.executor().call(IommuOp.UNMAP_PAGE, 0, 1));
            assertEquals(IommuStatus.EFAULT, bench.driver.executor().call(IommuOp.LOOKUP_PAGE, 1L << 62, 1));
            assertEquals(IommuStatus.EFAULT, bench.driver.executor().call(IommuOp.QUERY_CAPS, NO_MFN << 12, 1));
            assertEquals(List.of(), bench.log.slices());
        }
    }

    private static void writeElement(Bench bench, long at, long bfn, long mfn) {
        bench.putLong(at, bfn);
        bench.putLong(at + 8, mfn);
        bench.putInt(at + 16, IommuMapOp.READABLE | IommuMapOp.WRITEABLE);
        bench.putInt(at + 20, GuestDriver.OLD_STATUS);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 4, 5, 6, 7})
    void A06_aMisalignedArrayIsEinval(int off) {
        try (Bench bench = new Bench()) {
            bench.driver.write(Op.rw(1, DATA_MFN));
            for (int subOp = IommuOp.QUERY_CAPS; subOp <= IommuOp.MIXED; subOp++) {
                long arg = bench.driver.arrayAddress() + off;
                assertEquals(IommuStatus.EINVAL, bench.driver.executor().call(subOp, arg, 1));
            }
            assertEquals(GuestDriver.OLD_STATUS, bench.driver.status(0));
            assertEquals(0, bench.log.reservations());
        }
    }

    @Test
    void A09_statusIsOverwrittenForEveryElement() {
        try (Bench bench = new Bench()) {
            Op[] ops = {
                Op.rw(1, DATA_MFN),
                new Op(2, DATA_MFN, 4),
                Op.rw(LAST_BFN + 1, DATA_MFN),
                Op.rw(1, DATA_MFN),
                Op.rw(3, NO_MFN),
                Op.rw(4, RESERVED_MFN),
                Op.rw(MSI_FIRST, DATA_MFN)
            };
            int[] expected = {
                0,
                IommuStatus.EINVAL,
                IommuStatus.ERANGE,
                IommuStatus.EADDRINUSE,
                IommuStatus.ENXIO,
                IommuStatus.EPERM,
                IommuStatus.EADDRNOTAVAIL
            };
            for (int i = 0; i < ops.length; i++) {
                bench.driver.writeOne(i, ops[i], 0); // the caller claims success beforehand
            }
            assertEquals(0, bench.driver.call(IommuOp.MAP_PAGE, ops.length));
            assertArrayEquals(expected, bench.driver.statuses());

            bench.driver.writeOne(0, Op.at(77), 0);
            bench.driver.writeOne(1, Op.at(1), IommuStatus.EIO);
            assertEquals(0, bench.driver.call(IommuOp.LOOKUP_PAGE, 2));
            assertArrayEquals(new int[] {IommuStatus.ENOENT, 0}, bench.driver.statuses());

            bench.driver.writeOne(0, Op.at(77), 0);
            bench.driver.writeOne(1, Op.at(1), IommuStatus.EIO);
            assertEquals(0, bench.driver.call(IommuOp.UNMAP_PAGE, 2));
            assertArrayEquals(new int[] {IommuStatus.ENOENT, 0}, bench.driver.statuses());
        }
    }

    @Test
    void A09_statusIsOverwrittenOnEarlyExitToo() {
        try (Bench bench = new Bench()) {
            bench.driver.placeArraysAt(ARRAY_PAGES * 4096L - 24);
            bench.driver.writeOne(0, Op.at(9), 0);
            assertEquals(IommuStatus.EFAULT, bench.driver.call(IommuOp.UNMAP_PAGE, 2));
            assertEquals(IommuStatus.ENOENT, bench.driver.status(0));

            bench.log.refuse(true, true);
            bench.driver.writeOne(0, Op.rw(9, DATA_MFN), 0);
            assertEquals(IommuStatus.EIO, bench.driver.call(IommuOp.MAP_PAGE, 1));
            assertEquals(IommuStatus.EIO, bench.driver.status(0));
        }
    }

    @Test
    void A10_anUnknownSubOperationAppliesNothing() {
        try (Bench bench = new Bench()) {
            bench.driver.write(Op.rw(1, DATA_MFN));
            for (int subOp = 0; subOp <= 255; subOp++) {
                if (subOp < IommuOp.QUERY_CAPS || subOp > IommuOp.MIXED) {
                    assertEquals(IommuStatus.EOPNOTSUPP, bench.driver.call(subOp, 1), "subOp=" + subOp);
                }
            }
            assertEquals(GuestDriver.OLD_STATUS, bench.driver.status(0));
            assertEquals(0, bench.log.reservations());
        }
    }

    @Test
    void A11_undefinedFlagBitsAreEinval() {
        try (Bench bench = new Bench()) {
            for (int bit = 2; bit < 32; bit++) {
                bench.driver.map(new Op(1, DATA_MFN, IommuMapOp.FLAGS_MASK | 1 << bit));
                assertEquals(IommuStatus.EINVAL, bench.driver.status(0), "bit=" + bit);
            }
            assertEquals(0, bench.space().mappedPages());
            assertEquals(0, bench.holds(DATA_MFN));
        }
    }

    @Test
    void A12_noAccessAndWriteOnlyAreEinval() {
        try (Bench bench = new Bench()) {
            bench.driver.map(new Op(1, DATA_MFN, 0), new Op(2, DATA_MFN, IommuMapOp.WRITEABLE));
            assertArrayEquals(all(2, IommuStatus.EINVAL), bench.driver.statuses());
            assertEquals(0, bench.holds(DATA_MFN));
            assertEquals(0, bench.host.count(Kind.MAP));
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {-1, Long.MIN_VALUE, Long.MAX_VALUE, 1L << 52, 1L << 36, LAST_BFN + 1})
    void A15_aBfnAboveTheApertureIsErange(long bfn) {
        try (Bench bench = new Bench()) {
            bench.driver.map(Op.rw(bfn, DATA_MFN), Op.rw(bfn + 1, DATA_MFN + 1));
            assertEquals(IommuStatus.ERANGE, bench.driver.status(0));
            bench.driver.unmap(Op.at(bfn));
            assertEquals(IommuStatus.ERANGE, bench.driver.status(0));
            bench.driver.lookup(Op.at(bfn));
            assertEquals(IommuStatus.ERANGE, bench.driver.status(0));
            // 2^64 - 1 is followed by 0, which is a bus frame of its own
            assertEquals(bfn == -1 ? 1 : 0, bench.space().mappedPages());
            assertNull(bench.space().translate(bfn));
        }
    }

    @Test
    void A18_theEdgesOfApertureAndReservedWindow() {
        try (Bench bench = new Bench()) {
            // One ascending run over each edge: the run must end there.
            bench.driver.map(Op.rw(MSI_FIRST - 2, DATA_MFN).run(0x104));
            assertArrayEquals(all(2, 0), Arrays.copyOf(bench.driver.statuses(), 2));
            for (int i = 2; i < 0x102; i++) {
                assertEquals(IommuStatus.EADDRNOTAVAIL, bench.driver.status(i));
            }
            assertEquals(0, bench.driver.status(0x102));
            assertNull(bench.hostSpace().page(MSI_FIRST));
            assertNull(bench.hostSpace().page(MSI_LAST));

            bench.driver.map(Op.rw(LAST_BFN - 1, DATA_MFN).run(4));
            assertArrayEquals(new int[] {0, 0, IommuStatus.ERANGE, IommuStatus.ERANGE}, bench.driver.statuses());

            bench.driver.unmap(Op.at(MSI_FIRST), Op.at(MSI_LAST)); // reserved regions concern maps only
            assertArrayEquals(all(2, IommuStatus.ENOENT), bench.driver.statuses());
        }
    }

    @Test
    void A19_aMapOverAMappingChangesNothing() {
        try (Bench bench = new Bench()) {
            bench.driver.map(Op.ro(1, DATA_MFN));
            bench.driver.map(Op.rw(1, DATA_MFN + 1));
            assertEquals(IommuStatus.EADDRINUSE, bench.driver.status(0));
            bench.driver.map(Op.ro(1, DATA_MFN)); // not even when it is the same mapping
            assertEquals(IommuStatus.EADDRINUSE, bench.driver.status(0));
            assertEquals(List.of(new Mapping(1, DATA_MFN, 1, Access.READ)), bench.mappings());
            assertEquals(1, bench.holds(DATA_MFN));
            assertEquals(0, bench.holds(DATA_MFN + 1));
        }
    }

    @Test
    void A19_aRunEndsBeforeAnOccupiedBfnAndGoesOnBehindIt() {
        try (Bench bench = new Bench()) {
            bench.driver.map(Op.rw(12, DATA_MFN + 100));
            bench.driver.map(Op.rw(10, DATA_MFN).run(5));
            assertArrayEquals(new int[] {0, 0, IommuStatus.EADDRINUSE, 0, 0}, bench.driver.statuses());
            assertEquals(0, bench.holds(DATA_MFN + 2));
            assertEquals(1, bench.holds(DATA_MFN + 3));
        }
    }

    @Test
    void A20_theSameBfnTwiceInOneArray() {
        try (Bench bench = new Bench()) {
            bench.driver.map(Op.rw(3, DATA_MFN), Op.rw(3, DATA_MFN + 1), Op.rw(3, DATA_MFN));
            assertArrayEquals(new int[] {0, IommuStatus.EADDRINUSE, IommuStatus.EADDRINUSE}, bench.driver.statuses());
            assertEquals(1, bench.holds(DATA_MFN));
            assertEquals(0, bench.holds(DATA_MFN + 1));
        }
    }

    @Test
    void A22_theSameBfnUnmappedTwice() {
        try (Bench bench = new Bench()) {
            bench.driver.map(Op.rw(3, DATA_MFN));
            bench.driver.unmap(Op.at(3), Op.at(3));
            assertArrayEquals(new int[] {0, IommuStatus.ENOENT}, bench.driver.statuses());
            bench.driver.unmap(Op.at(3));
            assertEquals(IommuStatus.ENOENT, bench.driver.status(0));
            assertEquals(0, bench.holds(DATA_MFN));
            bench.checkEmpty();
        }
    }

    @Test
    void A25_framesTheGuestMayNotMap() {
        try (Bench bench = new Bench()) {
            long last = RESERVED_MFN;
            bench.driver.map(Op.rw(1, last - 1), Op.rw(2, last), Op.rw(3, last + 1), Op.rw(4, -1));
            assertArrayEquals(
                    new int[] {0, IommuStatus.EPERM, IommuStatus.ENXIO, IommuStatus.ENXIO}, bench.driver.statuses());
            bench.driver.map(Op.rw(5, 1L << 40), Op.rw(6, 1L << 52), Op.rw(7, Long.MIN_VALUE), Op.rw(8, 0));
            assertArrayEquals(all(4, IommuStatus.ENXIO), bench.driver.statuses());
            assertEquals(1, bench.space().mappedPages());
        }
    }

    @Test
    void A25_anotherGuestsFramesAreNotEvenThere() {
        try (Bench bench = new Bench()) {
            Guest other = bench.engine.addGuest(8, GuestPolicy.permissive(), List.of());
            other.registerMemory(NO_MFN, 4, new TestMemory(4));
            bench.driver.map(Op.rw(1, NO_MFN));
            assertEquals(IommuStatus.ENXIO, bench.driver.status(0));
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 255, 0x8000, 0xffff})
    void A29_anUnknownContextIsEnoent(int context) {
        try (Bench bench = new Bench()) {
            bench.driver.write(Op.rw(1, DATA_MFN));
            for (int subOp = IommuOp.QUERY_CAPS; subOp <= IommuOp.MIXED; subOp++) {
                assertEquals(IommuStatus.ENOENT, bench.driver.call(IommuOp.cmd(subOp, 0, context), 1));
            }
            assertEquals(GuestDriver.OLD_STATUS, bench.driver.status(0));
            assertEquals(1, bench.guest.addressSpaces().size());
            assertEquals(0, bench.log.reservations());
        }
    }

    @Test
    void A36_anOwedBfnIsNotMappedAndNotFree() {
        try (Bench bench = new Bench()) {
            bench.driver.map(Op.rw(3, DATA_MFN));
            bench.host.answerAlways(Kind.FLUSH, -5);
            assertEquals(IommuStatus.EIO, bench.driver.unmapRun(3, 1));

            bench.driver.lookup(Op.at(3));
            assertEquals(IommuStatus.ENOENT, bench.driver.status(0));
            bench.driver.map(Op.rw(3, DATA_MFN + 1));
            assertEquals(IommuStatus.EADDRINUSE, bench.driver.status(0));
            assertNull(bench.space().translate(3));
            assertEquals(1, bench.holds(DATA_MFN));
        }
    }

    @Test
    void A37_nothingRemovedMeansNoFlushAtTheEndOfACall() {
        try (Bench bench = new Bench()) {
            bench.host.forgetCalls();
            assertEquals(0, bench.driver.unmap(Op.at(1), Op.at(LAST_BFN + 1)));
            assertEquals(0, bench.driver.map(Op.rw(1, DATA_MFN)));
            assertEquals(0, bench.host.count(Kind.FLUSH));
            assertEquals(SliceRecord.Flush.NONE, bench.log.last().flush());
        }
    }

    @Test
    void A38_manySmallBatchesEqualOneLargeOne() {
        for (int round = 0; round < 20; round++) {
            long seed = Seed.of("A38", round);
            Random random = new Random(seed);
            Op[] maps = randomMaps(random, 400);
            Op[] unmaps = new Op[400];
            Arrays.setAll(unmaps, i -> Op.at(maps[random.nextInt(400)].bfn()));
            GuestPolicy policy = Bench.policy(300, 3 + 4, 1 + random.nextInt(500));
            try (Bench one = new Bench(policy);
                    Bench many = new Bench(policy)) {
                for (int repeat = 0; repeat < 3; repeat++) {
                    one.driver.map(maps);
                    assertArrayEquals(one.driver.statuses(), singly(many, true, maps), "seed " + seed);
                    assertEquals(one.mappings(), many.mappings(), "seed " + seed);
                    one.driver.unmap(unmaps);
                    assertArrayEquals(one.driver.statuses(), singly(many, false, unmaps), "seed " + seed);
                    assertEquals(one.mappings(), many.mappings(), "seed " + seed);
                    assertEquals(one.tablePages(), many.tablePages(), "seed " + seed);
                }
            }
        }
    }

    /** Half of them continue the one before, so that there are runs; some are bad. */
    private static Op[] randomMaps(Random random, int n) {
        Op[] ops = new Op[n];
        Op last = Op.rw(0, DATA_MFN);
        for (int i = 0; i < n; i++) {
            last = switch (random.nextInt(8)) {
                case 0, 1, 2, 3 -> new Op(last.bfn() + 1, last.mfn() + 1, last.flags());
                case 4 -> new Op(last.bfn() - 1, last.mfn(), random.nextInt(5));
                case 5 -> Op.ro(MSI_FIRST - 2 + random.nextInt(4), DATA_MFN + random.nextInt(DATA_PAGES));
                default -> Op.rw(random.nextInt(5 * 512), DATA_MFN + random.nextInt(DATA_PAGES + 1));
            };
            ops[i] = last;
        }
        return ops;
    }

    private static int[] singly(Bench bench, boolean map, Op[] ops) {
        return IntStream.range(0, ops.length)
                .map(i -> {
                    assertEquals(0, map ? bench.driver.map(ops[i]) : bench.driver.unmap(ops[i]));
                    return bench.driver.status(0);
                })
                .toArray();
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, SLICE - 1, SLICE, SLICE + 1, 2 * SLICE - 1, 2 * SLICE, 2 * SLICE + 1})
    void A39_aSliceBoundaryIsInvisible(int n) {
        try (Bench bench = new Bench()) {
            Op[] ops = new Op[n];
            Arrays.setAll(ops, i -> Op.rw(i, DATA_MFN + i % (DATA_PAGES - 1)));
            assertEquals(0, bench.driver.map(ops));
            assertArrayEquals(all(n, 0), bench.driver.statuses());
            assertEquals(n, bench.space().mappedPages());
            assertEquals(n, operationsIn(bench.log.slices()));

            bench.host.forgetCalls();
            bench.log.forget();
            assertEquals(0, bench.driver.unmapRun(0, n));
            assertArrayEquals(all(n, 0), bench.driver.statuses());
            assertEquals(1, bench.host.count(Kind.FLUSH));
            assertEquals((n + SLICE - 1) / SLICE, bench.log.slices().size());
            assertEquals(n, operationsIn(bench.log.slices()));
            assertEquals(List.of(SliceRecord.Flush.DONE), flushes(bench.log.slices()));
            assertEquals(SliceRecord.Flush.DONE, bench.log.last().flush());
            bench.checkEmpty();
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, SLICE - 1, SLICE, SLICE + 1})
    void A39_aBadElementAtASliceBoundary(int bad) {
        try (Bench bench = new Bench()) {
            int n = SLICE + 2;
            Op[] ops = new Op[n];
            Arrays.setAll(ops, i -> Op.rw(i, DATA_MFN + i % 1000));
            ops[bad] = new Op(bad, DATA_MFN, 0x80);
            assertEquals(0, bench.driver.map(ops));
            int[] expected = all(n, 0);
            expected[bad] = IommuStatus.EINVAL;
            assertArrayEquals(expected, bench.driver.statuses());

            expected[bad] = IommuStatus.ENOENT;
            assertEquals(0, bench.driver.lookup(ops));
            assertArrayEquals(expected, bench.driver.statuses());
            assertEquals(0, bench.driver.unmap(ops));
            assertArrayEquals(expected, bench.driver.statuses());
        }
    }

    private static int operationsIn(List<RecordedSlice> slices) {
        return slices.stream().mapToInt(RecordedSlice::operations).sum();
    }

    private static List<SliceRecord.Flush> flushes(List<RecordedSlice> slices) {
        return slices.stream()
                .map(RecordedSlice::flush)
                .filter(flush -> flush != SliceRecord.Flush.NONE)
                .toList();
    }

    /** A window of statuses ends with an early flush, as the bound on held frames does; no more than one for each. */
    @ParameterizedTest
    @ValueSource(ints = {-1, 0, 1})
    void A39_aWindowBoundary(int beyond) {
        int n = HypercallExecutor.WINDOW_OPERATIONS + beyond;
        try (Bench bench = new Bench(Bench.policy(1 << 21, 4096, 1 << 21))) {
            long pages = ((long) n * IommuMapOp.SIZE + 4095) / 4096;
            TestMemory memory = new TestMemory(pages);
            bench.register(0x1_0000, pages, memory);
            GuestDriver driver = new GuestDriver(bench.engine, bench.guest, memory, 0x1_0000);
            for (int i = 0; i < n; i++) {
                driver.writeOne(i, Op.rw(LAST_BFN + 1, DATA_MFN), 0); // most elements are cheap and bad
            }
            int last = n - 1;
            int edge = Math.min(last, HypercallExecutor.WINDOW_OPERATIONS - 1);
            driver.writeOne(0, Op.rw(10, DATA_MFN), 0);
            driver.writeOne(edge, Op.rw(11, DATA_MFN + 1), 0);
            driver.writeOne(last, edge == last ? Op.rw(11, DATA_MFN + 1) : Op.rw(12, DATA_MFN + 2), 0);

            assertEquals(0, driver.call(IommuOp.MAP_PAGE, n));
            assertEquals(edge == last ? 2 : 3, bench.space().mappedPages());
            assertEquals(0, driver.status(last));
            assertEquals(IommuStatus.ERANGE, driver.status(last / 2));
            bench.host.forgetCalls();
            assertEquals(0, driver.call(IommuOp.UNMAP_PAGE, n));
            assertEquals(0, bench.space().mappedPages());
            assertEquals(edge == last ? 1 : 2, bench.host.count(Kind.FLUSH));
            assertEquals(2L * n, bench.guest.stats().operations());
            driver.close();
        }
    }

    @Test
    void A40_anExceptionInAMapReleasesTheLocksAndTheNextUnmapFlushesEverything() {
        try (Bench bench = new Bench()) {
            bench.driver.map(Op.rw(50, DATA_MFN + 50));
            bench.host.failOnce(Kind.MAP, new IllegalStateException("our bug"));
            assertThrows(IllegalStateException.class, () -> bench.driver.map(Op.rw(1, DATA_MFN)));
            assertLocksAreFree(bench);

            bench.host.forgetCalls();
            assertEquals(0, bench.driver.unmapRun(50, 1));
            assertTrue(bench.host.calls(Kind.FLUSH).getFirst().wholeSpace());

            // The host had not mapped it; the table cannot know, so the guest takes it back like any other.
            assertEquals(0, bench.driver.unmapRun(1, 1));
            assertEquals(0, bench.driver.status(0));
            bench.checkEmpty();
        }
    }

    @Test
    void A40_anExceptionInAnUnmapLeavesNothingStuck() {
        try (Bench bench = new Bench()) {
            bench.driver.map(Op.rw(1, DATA_MFN).run(4));
            bench.host.failOnce(Kind.UNMAP, new IllegalStateException("our bug"));
            assertThrows(IllegalStateException.class, () -> bench.driver.unmapRun(1, 4));
            assertLocksAreFree(bench);
            assertEquals(1, bench.holds(DATA_MFN), "nobody proved that the frame cannot be reached");

            assertEquals(0, bench.driver.unmapRun(1, 4));
            assertArrayEquals(all(4, 0), bench.driver.statuses());
            bench.checkEmpty();
            bench.driver.map(Op.rw(1, DATA_MFN));
            assertEquals(0, bench.driver.status(0));
        }
    }

    @Test
    void A40_anExceptionBetweenPiecesOfARunLeavesNothingStuck() {
        try (Bench bench = new Bench()) {
            bench.driver.map(Op.rw(1, DATA_MFN).run(8));
            bench.host.answerOnce(Kind.UNMAP, 3);
            bench.host.observe(call -> {
                if (call.kind() == Kind.UNMAP && call.first() == 4 && call.pages() == 5) {
                    bench.host.failOnce(Kind.UNMAP, new IllegalStateException("our bug"));
                    bench.host.observe(ignored -> {});
                }
            });
            assertThrows(IllegalStateException.class, () -> bench.driver.unmapRun(1, 8));

            assertEquals(3, bench.space().owedPages());
            assertEquals(5, bench.space().mappedPages());
            assertEquals(0, bench.driver.unmapRun(4, 5));
            assertArrayEquals(all(5, 0), bench.driver.statuses());
            bench.checkEmpty();
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void A40_anExceptionInFlushOrCommitKeepsTheFramesHeld(boolean inFlush) {
        try (Bench bench = new Bench()) {
            bench.driver.map(Op.rw(1, DATA_MFN).run(4));
            if (inFlush) {
                bench.host.failOnce(Kind.FLUSH, new IllegalStateException("our bug"));
            } else {
                bench.log.failNextCommit(new IllegalStateException("our bug"));
            }
            assertThrows(IllegalStateException.class, () -> bench.driver.unmapRun(1, 2));
            assertLocksAreFree(bench);
            assertEquals(1, bench.holds(DATA_MFN));
            assertEquals(GuestDriver.OLD_STATUS, bench.driver.status(0));

            bench.host.forgetCalls();
            assertEquals(0, bench.driver.unmapRun(3, 1));
            assertTrue(bench.host.calls(Kind.FLUSH).getFirst().wholeSpace());
            assertEquals(0, bench.holds(DATA_MFN));
            assertEquals(0, bench.space().owedPages());
        }
    }

    @Test
    void A40_anExceptionInALookupReleasesTheLock() {
        try (Bench bench = new Bench()) {
            bench.guest.memory().remove(bench.guest.regions().getFirst()); // our bug
            assertNotEquals(0, bench.driver.lookup(Op.at(1)));
            assertLocksAreFree(bench);
            bench.guest.memory().add(new GuestRegion(ARRAY_MFN, ARRAY_PAGES, bench.arrays));
        }
    }

    private static void assertLocksAreFree(Bench bench) {
        assertFalse(bench.guest.lock().isLocked());
    }
}
