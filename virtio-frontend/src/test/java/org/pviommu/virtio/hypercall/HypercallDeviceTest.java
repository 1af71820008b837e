package org.pviommu.virtio.hypercall;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.pviommu.abi.IommuCaps;
import org.pviommu.abi.IommuMapOp;
import org.pviommu.abi.IommuOp;
import org.pviommu.abi.IommuStatus;
import org.pviommu.abi.VirtioAbi;
import org.pviommu.engine.BatchLog;
import org.pviommu.engine.Engine;
import org.pviommu.engine.Guest;
import org.pviommu.engine.GuestPolicy;
import org.pviommu.engine.support.RecordingHost;
import org.pviommu.engine.support.TestMemory;
import org.pviommu.virtio.memory.MemoryOwner;
import org.pviommu.virtio.queue.Chain;
import org.pviommu.virtio.queue.DriverRing;
import org.pviommu.virtio.queue.GuestSpace;
import org.pviommu.virtio.queue.MemoryRegion;
import org.pviommu.virtio.queue.QueueSettings;
import org.pviommu.virtio.queue.SplitQueue;
import org.pviommu.virtio.vhost.MappedRegion;

class HypercallDeviceTest {
    private static final int SIZE = 8;
    private static final long USER = 0x7f00_0000_0000L;
    private static final long GUEST = 0x10_0000;
    private static final int PAGES = 64;
    private static final long CALL = 0x1000;
    private static final long BACK = 0x2000;
    private static final long ARRAY = 0x3000;
    private static final long UNWRITTEN = 0x5555_5555_5555_5555L;

    private final TestMemory memory = new TestMemory(PAGES);
    private final MemorySegment ram = memory.segment();
    private final GuestSpace space = new GuestSpace(List.of(new MemoryRegion(GUEST, USER, ram)));
    private final DriverRing driver = new DriverRing(ram, 0, SIZE);
    private final Chain chain = new Chain(SIZE);
    private final List<String> port = new ArrayList<>();

    /** Writes down what it is asked and returns the count, negated. */
    private final class Recorder implements HypercallPort, MemoryOwner {
        @Override
        public long call(int cmd, long arg, int count) {
            port.add(Integer.toHexString(cmd) + " " + Long.toHexString(arg) + " " + Integer.toUnsignedString(count));
            return -Integer.toUnsignedLong(count);
        }

        @Override
        public void memoryChanged(List<MappedRegion> regions) {
            port.add("memory " + regions.size());
        }

        @Override
        public void disconnected() {
            port.add("disconnected");
        }
    }

    private SplitQueue open(HypercallDevice device) {
        return SplitQueue.open(
                space, space, driver.addresses(USER), 256, 0, new QueueSettings(true, false, device.maxRequestBytes()));
    }

    private void offer(int cmd, long arg, int count, int readable, int writable) {
        VirtioAbi.putCmd(ram, CALL, cmd);
        VirtioAbi.putArg(ram, CALL, arg);
        VirtioAbi.putCount(ram, CALL, count);
        VirtioAbi.putResult(ram, BACK, UNWRITTEN);
        driver.descriptor(0, GUEST + CALL, readable, DriverRing.NEXT, 1);
        driver.descriptor(1, GUEST + BACK, writable, DriverRing.WRITE, 0);
        driver.offer(0);
    }

    private long serve(HypercallDevice device, SplitQueue queue) {
        device.serve(0, queue, chain);
        queue.publish();
        assertTrue(driver.hasUsed(), "no answer");
        return driver.takeUsed() >>> 32;
    }

    @Test
    void shouldPassCallsOnAndResultsBack() {
        HypercallDevice device = new HypercallDevice(new Recorder());
        SplitQueue queue = open(device);
        offer(0xffff_0102, 0xffff_ffff_ffff_fff8L, -1, 16, 8);
        assertEquals(8, serve(device, queue));
        assertEquals(List.of("ffff0102 fffffffffffffff8 4294967295"), port);
        assertEquals(-4294967295L, VirtioAbi.result(ram, BACK));
        offer(2, 0, 0, 20, 64);
        assertEquals(8, serve(device, queue), "larger parts are allowed");
        assertEquals(0, ram.get(ValueLayout.JAVA_LONG, BACK + 8));
        assertEquals(2, device.calls());
    }

    @ParameterizedTest
    @CsvSource({"15, 8", "16, 7", "0, 8", "16, 0"})
    void B16_B17_requestWithoutRoomHasNoEffect(int readable, int writable) {
        HypercallDevice device = new HypercallDevice(new Recorder());
        SplitQueue queue = open(device);
        offer(2, 0, 5, readable, writable);
        assertEquals(0, serve(device, queue));
        assertEquals(List.of(), port);
        assertEquals(UNWRITTEN, VirtioAbi.result(ram, BACK));
        assertEquals(1, device.refusedRequests());
    }

    @Test
    void B15_callInOneByteBuffersIsOneCopy() {
        HypercallDevice device = new HypercallDevice(new Recorder());
        SplitQueue queue = SplitQueue.open(
                space,
                space,
                new DriverRing(ram, 0x8000, 32).addresses(USER),
                256,
                0,
                new QueueSettings(true, false, device.maxRequestBytes()));
        DriverRing long32 = new DriverRing(ram, 0x8000, 32);
        VirtioAbi.putCmd(ram, CALL, 7);
        VirtioAbi.putCount(ram, CALL, 9);
        VirtioAbi.putArg(ram, CALL, 0x1234_5678_9abc_def0L);
        for (int i = 0; i < 24; i++) {
            long address = GUEST + (i < 16 ? CALL + i : BACK + i - 16);
            int flags = (i < 16 ? 0 : DriverRing.WRITE) | (i == 23 ? 0 : DriverRing.NEXT);
            long32.descriptor(i, address, 1, flags, i + 1);
        }
        long32.offer(0);
        device.serve(0, queue, new Chain(32));
        queue.publish();
        assertEquals(8L << 32, long32.takeUsed());
        assertEquals(List.of("7 123456789abcdef0 9"), port);
        assertEquals(-9, VirtioAbi.result(ram, BACK));
    }

    @Test
    void shouldLeaveTheEventQueueAlone() {
        HypercallDevice device = new HypercallDevice(new Recorder());
        SplitQueue events = open(device);
        offer(2, 0, 5, 16, 8);
        device.serve(1, events, chain);
        assertFalse(events.publish());
        assertNull(events.breakage());
        assertEquals(List.of(), port);
    }

    @Test
    void shouldTellThePortOfMemoryAndOfTheEnd() {
        HypercallDevice device = new HypercallDevice(new Recorder());
        device.memoryChanged(List.of());
        device.reset();
        device.disconnected();
        assertEquals(List.of("memory 0", "disconnected"), port);
        assertEquals(0, device.config().length);
        assertEquals(0, device.features());
    }

    @Test
    void shouldMapByARealEngineAndServeTheNextGuestAfterwards() {
        RecordingHost host = new RecordingHost(0xffff, true);
        Engine engine = new Engine(host, BatchLog.none());
        @Nullable Guest[] now = {null};
        Recorder owner = new Recorder();
        EngineHypercalls calls = new EngineHypercalls(engine, () -> now[0], owner);
        HypercallDevice device = new HypercallDevice(calls);
        SplitQueue queue = open(device);
        assertEquals(IommuStatus.ENOSYS, call(device, queue, IommuOp.QUERY_CAPS, GUEST + ARRAY, 1));
        for (int round = 1; round <= 2; round++) {
            Guest guest = engine.addGuest(round, GuestPolicy.permissive(), List.of());
            guest.registerMemory(GUEST >> 12, PAGES, memory);
            now[0] = guest;

            assertEquals(0, call(device, queue, IommuOp.QUERY_CAPS, GUEST + ARRAY, 1));
            assertEquals(IommuOp.ABI_VERSION, IommuCaps.abiVersion(ram, ARRAY));
            element(0, 5, (GUEST >> 12) + 6);
            element(1, 6, (GUEST >> 12) + PAGES);
            assertEquals(0, call(device, queue, IommuOp.MAP_PAGE, GUEST + ARRAY, 2));
            assertEquals(IommuStatus.OK, IommuMapOp.status(ram, ARRAY));
            assertEquals(IommuStatus.ENXIO, IommuMapOp.status(ram, ARRAY + IommuMapOp.SIZE));
            assertEquals(1, guest.mappedFrames());
            assertEquals(IommuStatus.EFAULT, call(device, queue, IommuOp.MAP_PAGE, GUEST + PAGES * 4096L, 1));

            calls.disconnected();
            now[0] = null;
            engine.removeGuest(guest);
            assertEquals(IommuStatus.ENOSYS, call(device, queue, IommuOp.MAP_PAGE, GUEST + ARRAY, 1));
        }
        assertEquals(List.of("disconnected", "disconnected"), port);
        engine.close();
    }

    private void element(int index, long bfn, long mfn) {
        long at = ARRAY + (long) index * IommuMapOp.SIZE;
        IommuMapOp.putBfn(ram, at, bfn);
        IommuMapOp.putMfn(ram, at, mfn);
        IommuMapOp.putFlags(ram, at, IommuMapOp.READABLE | IommuMapOp.WRITEABLE);
        IommuMapOp.putStatus(ram, at, 1);
    }

    private long call(HypercallDevice device, SplitQueue queue, int cmd, long arg, int count) {
        offer(cmd, arg, count, 16, 8);
        assertEquals(8, serve(device, queue));
        return VirtioAbi.result(ram, BACK);
    }
}
