package org.pviommu.engine;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.pviommu.abi.IommuStatus.EADDRNOTAVAIL;
import static org.pviommu.abi.IommuStatus.EBUSY;
import static org.pviommu.abi.IommuStatus.EINVAL;
import static org.pviommu.abi.IommuStatus.EIO;
import static org.pviommu.abi.IommuStatus.ENOENT;
import static org.pviommu.abi.IommuStatus.ENOSPC;
import static org.pviommu.engine.Bench.DATA_MFN;
import static org.pviommu.engine.Bench.LAST_BFN;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.pviommu.abi.IommuOp;
import org.pviommu.engine.support.AttachOp;
import org.pviommu.engine.support.ContextOp;
import org.pviommu.engine.support.HostCall.Kind;
import org.pviommu.engine.support.Op;
import org.pviommu.engine.support.RecordingHost;

/** alloc_context, free_context and attach_device, with endpoints alone in their group and with company. */
class ContextCallTest {
    /** Alone in its group, and reserves a window. */
    private static final int SINGLE = 1;
    /** Two that share a group; {@link #RIGHT} reserves a window. */
    private static final int LEFT = 2;

    private static final int RIGHT = 3;
    private static final long WINDOW = 0x100;
    private static final long RIGHT_WINDOW = 0x200;

    private static ReservedRegion window(long bfn) {
        return new ReservedRegion(new FrameRange(bfn, bfn + 1), ReservedRegion.Kind.RESERVED);
    }

    private static Bench bench(int maxContexts, int maxTablePages) {
        GuestPolicy policy =
                new GuestPolicy(true, true, 1 << 20, 1000, maxTablePages, 64, maxContexts, Bench.RESERVED_MFNS);
        Bench bench = new Bench(
                policy,
                new RecordingHost(LAST_BFN, true),
                List.of(
                        new EndpointDescriptor(SINGLE, List.of(window(WINDOW))),
                        new EndpointDescriptor(LEFT, 77, List.of()),
                        new EndpointDescriptor(RIGHT, 77, List.of(window(RIGHT_WINDOW)))));
        bench.host.forgetCalls();
        return bench;
    }

    private static Bench bench() {
        return bench(8, 100);
    }

    private static int map(Bench bench, int context, long bfn) {
        bench.driver.run(IommuOp.cmd(IommuOp.MAP_PAGE, 0, context), Op.rw(bfn, DATA_MFN));
        return bench.driver.status(0);
    }

    private static int[] attach(Bench bench, int... endpointsAndContexts) {
        AttachOp[] ops = new AttachOp[endpointsAndContexts.length / 2];
        for (int i = 0; i < ops.length; i++) {
            ops[i] = new AttachOp(endpointsAndContexts[2 * i], endpointsAndContexts[2 * i + 1]);
        }
        assertEquals(0, bench.driver.run(IommuOp.ATTACH_DEVICE, ops));
        return bench.driver.statuses();
    }

    private static void assertAttached(Bench bench, int endpoint, int context) {
        assertSame(bench.space(context), bench.guest.attachment(endpoint), "endpoint=" + endpoint);
        assertTrue(bench.host.space(context).endpoints().contains(endpoint), "endpoint=" + endpoint);
    }

    // alloc and free.

    @Test
    void shouldHandOutTheLowestFreeNumbers() {
        try (Bench bench = bench(4, 100)) {
            ContextOp any = ContextOp.any();
            bench.driver.run(IommuOp.ALLOC_CONTEXT, any, any, any, any);
            assertArrayEquals(new int[] {0, 0, 0, ENOSPC}, bench.driver.statuses());
            assertArrayEquals(new int[] {1, 2, 3, any.context()}, new int[] {
                bench.driver.ctxNo(0), bench.driver.ctxNo(1), bench.driver.ctxNo(2), bench.driver.ctxNo(3)
            });
            bench.driver.run(IommuOp.FREE_CONTEXT, new ContextOp(2), new ContextOp(2), new ContextOp(0));
            assertArrayEquals(new int[] {0, ENOENT, EINVAL}, bench.driver.statuses());
            assertEquals(2, bench.driver.allocContext());
        }
    }

    @Test
    void shouldKeepAddressSpacesApart() {
        try (Bench bench = bench()) {
            int context = bench.driver.allocContext();
            assertEquals(0, map(bench, 0, 1));
            assertNull(bench.space(context).translate(1));
            assertEquals(0, map(bench, context, 1));
            bench.driver.run(IommuOp.cmd(IommuOp.UNMAP_PAGE, 0, context), Op.at(1));
            assertNull(bench.space(context).translate(1));
            assertEquals(new Translation(1, DATA_MFN, 3), bench.space().translate(1));
            assertEquals(1, bench.holds(DATA_MFN));
        }
    }

    @Test
    void shouldShareTheQuotasAmongAddressSpaces() {
        try (Bench bench = bench(8, 6)) {
            int context = bench.driver.allocContext();
            assertEquals(0, map(bench, context, 1)); // two roots and three tables below one of them: 5 of 6
            assertEquals(ENOSPC, map(bench, 0, 1));
            assertEquals(2, bench.driver.allocContext());
            bench.driver.run(IommuOp.ALLOC_CONTEXT, ContextOp.any());
            assertEquals(ENOSPC, bench.driver.status(0), "a root is a table page, too");
            assertEquals(1, bench.host.count(Kind.DESTROY), "what the host had made is given back");
            assertEquals(0, bench.driver.freeContext(context));
            assertEquals(2, bench.guest.stats().tablePages());
            assertEquals(0, map(bench, 0, 1));
        }
        GuestPolicy policy = Bench.policy(1, 100, 64);
        try (Bench bench = new Bench(policy)) {
            int context = bench.driver.allocContext();
            assertEquals(0, map(bench, context, 1));
            assertEquals(ENOSPC, map(bench, 0, 1));
        }
    }

    @Test
    void shouldTellWhenTheHostRefusesAnAddressSpace() {
        try (Bench bench = bench()) {
            bench.host.answerOnce(Kind.CREATE, -28);
            bench.driver.run(IommuOp.ALLOC_CONTEXT, ContextOp.any(), ContextOp.any());
            assertArrayEquals(new int[] {EIO, 0}, bench.driver.statuses());
            assertEquals(1, bench.driver.ctxNo(1));
            assertEquals(2, bench.guest.stats().tablePages());
        }
    }

    /** A page that the host does not remove keeps the context and its frame; what could be removed is gone. */
    @ParameterizedTest
    @ValueSource(longs = {-16, -5})
    void shouldKeepAContextThatTheHostDoesNotEmpty(long hostResult) {
        try (Bench bench = bench()) {
            int context = bench.driver.allocContext();
            map(bench, context, 1);
            map(bench, context, 5);
            bench.host.answerOnce(Kind.UNMAP, hostResult);
            bench.host.forgetCalls();
            assertEquals(EIO, bench.driver.freeContext(context));
            assertEquals(List.of("unmap 1", "unmap 1", "flush 1"), bench.host.order());
            assertEquals(1, bench.space(context).mappedPages());
            assertEquals(1, bench.holds(DATA_MFN));
            assertEquals(0, bench.driver.freeContext(context));
            assertEquals(0, bench.holds(DATA_MFN));
            assertNull(bench.guest.addressSpace(context));
            assertTrue(bench.host.space(1).isDestroyed());
        }
    }

    @Test
    void shouldGiveOthersNoPartOfAFreedContext() {
        try (Bench bench = bench()) {
            for (int round = 0; round < 50; round++) {
                int context = bench.driver.allocContext();
                assertEquals(1, context);
                assertEquals(0, map(bench, context, 1L << 19));
                assertEquals(0, bench.driver.freeContext(context));
                assertEquals(1, bench.guest.stats().tablePages());
                assertEquals(ENOENT, bench.driver.call(IommuOp.cmd(IommuOp.LOOKUP_PAGE, 0, context), 1));
            }
            bench.checkEmpty();
        }
    }

    // attach.

    @Test
    void shouldFlushTheOldAddressSpaceThenBlockThenAttach() {
        try (Bench bench = bench()) {
            int context = bench.driver.allocContext();
            map(bench, 0, 1);
            bench.driver.run(IommuOp.cmd(IommuOp.UNMAP_PAGE, IommuOp.F_DEFER, 0), Op.at(1));
            bench.host.forgetCalls();
            assertEquals(0, bench.driver.attach(SINGLE, context));
            assertEquals(List.of("flush 0", "detach 0", "attach 1"), bench.host.order());
            assertAttached(bench, SINGLE, context);
            bench.host.forgetCalls();
            assertEquals(0, bench.driver.attach(SINGLE, context), "it is there already");
            assertEquals(List.of(), bench.host.order());
        }
    }

    @Test
    void shouldRefuseToAttachWithoutAFlush() {
        try (Bench bench = bench()) {
            int context = bench.driver.allocContext();
            map(bench, 0, 1);
            bench.driver.run(IommuOp.cmd(IommuOp.UNMAP_PAGE, IommuOp.F_DEFER, 0), Op.at(1));
            bench.host.answerAlways(Kind.FLUSH, -5);
            assertEquals(EIO, bench.driver.attach(SINGLE, context));
            assertEquals(0, bench.host.count(Kind.DETACH));
            assertAttached(bench, SINGLE, 0);
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {-16, -22})
    void shouldBringTheOldBindingBackWhenTheNewOneIsRefused(long hostResult) {
        try (Bench bench = bench()) {
            int context = bench.driver.allocContext();
            bench.host.forgetCalls();
            bench.host.answerOnce(Kind.ATTACH, hostResult);
            assertEquals(hostResult == -16 ? EBUSY : EIO, bench.driver.attach(SINGLE, context));
            assertEquals(List.of("detach 0", "attach 1", "attach 0"), bench.host.order());
            assertAttached(bench, SINGLE, 0);
            assertEquals(EADDRNOTAVAIL, map(bench, 0, WINDOW), "with its reserved region");
            assertEquals(0, map(bench, context, WINDOW));
        }
    }

    @Test
    void shouldLeaveAnEndpointBlockedThatNobodyTakes() {
        try (Bench bench = bench()) {
            int context = bench.driver.allocContext();
            bench.host.answerAlways(Kind.ATTACH, -22);
            assertEquals(EIO, bench.driver.attach(SINGLE, context));
            assertNull(bench.guest.attachment(SINGLE));
            bench.host.behave();
            assertEquals(0, bench.driver.attach(SINGLE, 0));
            assertAttached(bench, SINGLE, 0);
        }
    }

    @Test
    void shouldKeepTheBindingThatTheHostDoesNotBlock() {
        try (Bench bench = bench()) {
            int context = bench.driver.allocContext();
            bench.host.answerOnce(Kind.DETACH, -5);
            assertEquals(EIO, bench.driver.attach(SINGLE, context));
            assertAttached(bench, SINGLE, 0);
        }
    }

    @Test
    void shouldLetReservedRegionsFollowTheEndpoint() {
        try (Bench bench = bench()) {
            int context = bench.driver.allocContext();
            assertEquals(EADDRNOTAVAIL, map(bench, 0, WINDOW));
            assertEquals(0, map(bench, context, WINDOW + 1));
            assertEquals(EBUSY, bench.driver.attach(SINGLE, context), "its window is mapped there");
            assertAttached(bench, SINGLE, 0);
            bench.driver.run(IommuOp.cmd(IommuOp.UNMAP_PAGE, IommuOp.F_DEFER, context), Op.at(WINDOW + 1));
            assertEquals(EBUSY, bench.driver.attach(SINGLE, context), "owed: a device may still reach the frame there");
            assertEquals(0, bench.driver.flush(context));
            assertEquals(0, bench.driver.attach(SINGLE, context));
            assertEquals(EADDRNOTAVAIL, map(bench, context, WINDOW + 1));
            assertEquals(0, map(bench, 0, WINDOW));
        }
    }

    @Test
    void shouldRefuseFlagsAndStrangers() {
        try (Bench bench = bench()) {
            int context = bench.driver.allocContext();
            bench.engine.addGuest(9, GuestPolicy.permissive(), List.of(new EndpointDescriptor(50, List.of())));
            bench.driver.run(
                    IommuOp.ATTACH_DEVICE,
                    new AttachOp(SINGLE, context, 1),
                    new AttachOp(99, 99, 1 << 31),
                    new AttachOp(99, context),
                    new AttachOp(50, context), // another guest's
                    new AttachOp(SINGLE, 5),
                    new AttachOp(SINGLE, context));
            assertArrayEquals(new int[] {EINVAL, EINVAL, ENOENT, ENOENT, ENOENT, 0}, bench.driver.statuses());
        }
    }

    // Groups.

    @Test
    void shouldMoveAGroupOnlyTogether() {
        try (Bench bench = bench()) {
            int context = bench.driver.allocContext();
            bench.host.forgetCalls();
            assertArrayEquals(new int[] {EBUSY}, attach(bench, LEFT, context));
            assertArrayEquals(new int[] {EBUSY, EBUSY}, attach(bench, LEFT, context, LEFT, context));
            assertEquals(List.of(), bench.host.order(), "nothing was touched");
            assertArrayEquals(new int[] {0, 0}, attach(bench, LEFT, context, RIGHT, context));
            assertEquals(List.of("detach 0", "detach 0", "attach 1", "attach 1"), bench.host.order());
            assertAttached(bench, LEFT, context);
            assertAttached(bench, RIGHT, context);
            assertEquals(0, bench.driver.attach(RIGHT, context), "where the group is already");
        }
    }

    @Test
    void shouldNotMoveAGroupToTwoPlaces() {
        try (Bench bench = bench()) {
            int one = bench.driver.allocContext();
            int two = bench.driver.allocContext();
            assertArrayEquals(new int[] {EBUSY, EBUSY}, attach(bench, LEFT, one, RIGHT, two));
            assertAttached(bench, LEFT, 0);
            assertAttached(bench, RIGHT, 0);
            assertArrayEquals(new int[] {0, 0, 0}, attach(bench, SINGLE, two, RIGHT, one, LEFT, one));
        }
    }

    /** The first of a group is refused by the host: all of it stays where it was, the second must not move alone. */
    @Test
    void shouldNotPartAGroupWhenItsFirstMemberIsRefused() {
        try (Bench bench = bench()) {
            int context = bench.driver.allocContext();
            bench.host.answerOnce(Kind.ATTACH, -22);
            assertArrayEquals(new int[] {EIO, EBUSY}, attach(bench, LEFT, context, RIGHT, context));
            assertAttached(bench, LEFT, 0);
            assertAttached(bench, RIGHT, 0);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void shouldNotPartAGroupWhenAMemberIsNotBlocked(int which) {
        try (Bench bench = bench()) {
            int context = bench.driver.allocContext();
            bench.host.observe(call -> {
                if (call.kind() == Kind.DETACH && call.first() == LEFT + which) {
                    bench.host.answerOnce(Kind.DETACH, -5);
                    bench.host.observe(ignored -> {});
                }
            });
            assertArrayEquals(new int[] {EIO, EBUSY}, attach(bench, LEFT, context, RIGHT, context));
            assertAttached(bench, LEFT, 0);
            assertAttached(bench, RIGHT, 0);
        }
    }

    /** A member whose own element is refused would be left behind: the group does not move for it. */
    @Test
    void shouldNotPartAGroupWhenAMembersWindowIsMapped() {
        try (Bench bench = bench()) {
            int context = bench.driver.allocContext();
            map(bench, context, RIGHT_WINDOW);
            bench.host.forgetCalls();
            assertArrayEquals(new int[] {EBUSY, EBUSY}, attach(bench, LEFT, context, RIGHT, context));
            bench.driver.run(IommuOp.ATTACH_DEVICE, new AttachOp(LEFT, context), new AttachOp(RIGHT, context, 1));
            assertArrayEquals(new int[] {EBUSY, EINVAL}, bench.driver.statuses());
            assertEquals(List.of(), bench.host.order());
        }
    }

    /** Its mate is blocked, because nobody took it: it must not be let into the new address space before the other left. */
    @Test
    void shouldNotLetABlockedMemberInBeforeItsMateHasLeft() {
        try (Bench bench = bench()) {
            int context = bench.driver.allocContext();
            bench.host.observe(call -> {
                if (call.kind() == Kind.ATTACH && call.first() == LEFT) {
                    bench.host.answerOnce(Kind.ATTACH, -22);
                }
            });
            assertArrayEquals(new int[] {EIO, EBUSY}, attach(bench, LEFT, context, RIGHT, context));
            assertNull(bench.guest.attachment(LEFT));
            assertAttached(bench, RIGHT, 0);
            bench.host.observe(ignored -> {});
            bench.host.forgetCalls();
            assertArrayEquals(new int[] {0, 0}, attach(bench, LEFT, context, RIGHT, context));
            assertEquals(List.of("detach 0", "attach 1", "attach 1"), bench.host.order());
        }
    }

    /** The second is refused by the host: it stays blocked, which parts nothing, and can follow later. */
    @Test
    void shouldBlockTheMemberThatCouldNotFollow() {
        try (Bench bench = bench()) {
            int context = bench.driver.allocContext();
            bench.host.observe(call -> {
                if (call.kind() == Kind.ATTACH && call.first() == RIGHT) {
                    bench.host.answerOnce(Kind.ATTACH, -22);
                    bench.host.observe(ignored -> {});
                }
            });
            assertArrayEquals(new int[] {0, EIO}, attach(bench, LEFT, context, RIGHT, context));
            assertAttached(bench, LEFT, context);
            assertNull(bench.guest.attachment(RIGHT));
            assertEquals(0, bench.driver.attach(RIGHT, context));
        }
    }

    @Test
    void shouldChangeNothingWithoutRoomInTheLog() {
        try (Bench bench = bench()) {
            int context = bench.driver.allocContext();
            bench.host.forgetCalls();
            bench.log.refuse(true, true);
            bench.driver.run(IommuOp.ALLOC_CONTEXT, ContextOp.any());
            assertEquals(EIO, bench.driver.status(0));
            assertEquals(EIO, bench.driver.attach(SINGLE, context));
            assertEquals(EIO, bench.driver.freeContext(context));
            assertEquals(List.of(), bench.host.order());
            bench.log.refuse(true, false);
            assertEquals(0, bench.driver.freeContext(context), "a removal may use the reserve");
        }
    }
}
