package org.pviommu.virtio.iommu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.pviommu.virtio.queue.Chain;
import org.pviommu.virtio.queue.DriverRing;
import org.pviommu.virtio.queue.GuestSpace;
import org.pviommu.virtio.queue.MemoryRegion;
import org.pviommu.virtio.queue.QueueSettings;
import org.pviommu.virtio.queue.SplitQueue;
import org.pviommu.virtio.vhost.VhostDevice;

class IommuDeviceTest {
    private static final int SIZE = 256;
    private static final int PROBE_BYTES = 512;
    private static final int DATA = 0x8000;
    private static final byte CANARY = (byte) 0xaa;
    private static final IommuConfig LIMITED =
            new IommuConfig(Profile.VIRTIO_1_2, -4096L, 0x1000, 0x7f_ffff_ffffL, 1, 100, PROBE_BYTES, true, true, true);
    private static final IommuConfig OPEN =
            new IommuConfig(Profile.VIRTIO_1_2, -4096L, 0, -1L, 0, -1, PROBE_BYTES, true, true, false);
    private static final IommuConfig DRAFT =
            new IommuConfig(Profile.DRAFT_0_11, -4096L, 0, -1L, 0, 255, PROBE_BYTES, true, true, true);

    private final Arena arena = Arena.ofConfined();
    private final MemorySegment memory = arena.allocate(1 << 20, 4096);
    private final GuestSpace space = new GuestSpace(List.of(new MemoryRegion(0, 0, memory)));
    private final RecordingPort port = new RecordingPort();
    private final Chain chain = new Chain(SIZE);
    private DriverRing driver = new DriverRing(memory, 0, SIZE);
    private IommuDevice device = new IommuDevice(LIMITED, port);
    private SplitQueue queue = SplitQueue.open(space, space, driver.addresses(0), SIZE, 0, settings());

    private QueueSettings settings() {
        return new QueueSettings(true, false, device.maxRequestBytes());
    }

    @BeforeEach
    void negotiate() {
        use(LIMITED, -1L);
    }

    @AfterEach
    void closeArena() {
        arena.close();
    }

    private void use(IommuConfig config, long features) {
        memory.fill((byte) 0);
        driver = new DriverRing(memory, 0, SIZE);
        device = new IommuDevice(config, port);
        device.acknowledged(config.features() & features);
        queue = SplitQueue.open(space, space, driver.addresses(0), SIZE, 0, settings());
        port.calls.clear();
    }

    private static byte[] request(int type, int domain, Object... fields) {
        ByteBuffer bytes = ByteBuffer.allocate(72).order(ByteOrder.LITTLE_ENDIAN);
        bytes.putInt(type).putInt(domain);
        for (Object each : fields) {
            if (each instanceof Long wide) {
                bytes.putLong(wide);
            } else {
                bytes.putInt((Integer) each);
            }
        }
        return Arrays.copyOf(bytes.array(), Math.max(bytes.position(), Wire.requestBytes(type)));
    }

    private static byte[] map(int domain, long first, long last, long target, int flags) {
        return request(Wire.MAP, domain, first, last, target, flags);
    }

    private void offer(byte[] readable, int writable) {
        MemorySegment.copy(MemorySegment.ofArray(readable), 0, memory, DATA, readable.length);
        memory.asSlice(DATA + 4096, Math.max(writable, 8) + 64L).fill(CANARY);
        driver.descriptor(0, DATA, readable.length, writable > 0 ? DriverRing.NEXT : 0, 1);
        driver.descriptor(1, DATA + 4096, writable, DriverRing.WRITE, 0);
        driver.offer(0);
    }

    private long serve() {
        device.serve(0, queue, chain);
        queue.publish();
        return driver.takeUsed() >>> 32;
    }

    /** The status of a request with room for the tail only. */
    private int status(byte[] readable) {
        offer(readable, 4);
        assertEquals(4, serve(), "used length (C87)");
        for (int i = 1; i < 4; i++) {
            assertEquals(0, written(i), "tail.reserved (C19)");
        }
        assertEquals(CANARY, written(4));
        return written(0);
    }

    private byte written(long offset) {
        return memory.get(ValueLayout.JAVA_BYTE, DATA + 4096 + offset);
    }

    private void assertUnwritten(byte[] readable, int writable) {
        offer(readable, writable);
        assertEquals(0, serve());
        for (int i = 0; i < Math.max(writable, 8); i++) {
            assertEquals(CANARY, written(i));
        }
    }

    private void assertNoCalls() {
        assertTrue(port.calls.stream().allMatch("end"::equals), () -> port.calls.toString());
    }

    @Test
    void C01_C02_C03_features() {
        assertEquals(0x77, LIMITED.features());
        assertEquals(0x54, OPEN.features());
        assertEquals(0x1e, DRAFT.features());
    }

    @Test
    void C02_C03_bypassIsOfferedInOneWayAtMost() {
        for (int choice = 0; choice < 32; choice++) {
            Profile profile = (choice & 1) == 0 ? Profile.VIRTIO_1_2 : Profile.DRAFT_0_11;
            boolean bypass = (choice & 2) != 0;
            boolean bypassConfig = (choice & 4) != 0;
            boolean mmio = (choice & 8) != 0;
            int probeBytes = (choice & 16) != 0 ? PROBE_BYTES : 0;
            long features =
                    new IommuConfig(profile, -4096L, 0, -1L, 0, -1, probeBytes, bypass, bypassConfig, mmio).features();
            boolean draft = profile == Profile.DRAFT_0_11;
            assertEquals(draft && bypass, (features & Wire.F_BYPASS) != 0, "choice=" + choice);
            assertEquals(!draft && bypassConfig, (features & Wire.F_BYPASS_CONFIG) != 0, "choice=" + choice);
        }
    }

    @Test
    void C04_C05_maskNeedsABitAndTheLowestCounts() {
        assertThrows(
                IllegalArgumentException.class,
                () -> new IommuConfig(Profile.VIRTIO_1_2, 0, 0, -1L, 0, -1, 0, true, true, true));
        assertEquals(
                4096, new IommuConfig(Profile.VIRTIO_1_2, 0x4020_1000, 0, -1L, 0, -1, 0, true, true, true).granule());
    }

    @Test
    void C06_C13_configOfVirtio12() {
        String expected = "00f0ffffffffffff" + "0010000000000000" + "ffffffff7f000000" + "01000000" + "64000000"
                + "00020000" + "01000000";
        assertEquals(expected, HexFormat.of().formatHex(device.config()));
        use(new IommuConfig(Profile.VIRTIO_1_2, -4096L, 0, -1L, 0, -1, 0, false, true, true), 0);
        assertEquals(0, device.config()[36], "the other initial value");
    }

    @Test
    void C13_configOfTheDraft() {
        use(DRAFT, -1L);
        String expected = "00f0ffffffffffff" + "0000000000000000" + "ffffffffffffffff" + "08000000" + "00020000";
        assertEquals(expected, HexFormat.of().formatHex(device.config()));
        byte[] before = device.config();
        device.writeConfig(0, new byte[32]);
        assertArrayEquals(before, device.config());
        assertThrows(
                IllegalArgumentException.class,
                () -> new IommuConfig(Profile.DRAFT_0_11, -4096L, 0, -1L, 0, 254, 0, true, true, true));
    }

    @Test
    void C07_C08_C09_C10_onlyBypassIsWritableAndOnlyWith0Or1() {
        byte[] whole = new byte[40];
        Arrays.fill(whole, (byte) 0xff);
        byte[] before = device.config();
        for (int bad : new int[] {2, 3, 0xff}) {
            whole[36] = (byte) bad;
            device.writeConfig(0, whole);
            assertArrayEquals(before, device.config());
        }
        device.writeConfig(37, new byte[3]);
        device.writeConfig(0, new byte[36]);
        assertArrayEquals(before, device.config());
        assertNoCalls();
        whole[36] = 0;
        device.writeConfig(0, whole);
        before[36] = 0;
        assertArrayEquals(before, device.config());
        device.reset();
        assertEquals(0, device.config()[36], "a device reset leaves it");
        device.writeConfig(36, new byte[] {1});
        device.writeConfig(36, new byte[] {0});
        assertEquals(List.of("bypass false", "reset", "bypass true", "bypass false"), port.calls);
        device.systemReset();
        assertEquals(1, device.config()[36], "a system reset does not");
    }

    /** Another monitor is another machine, or the same one switched on again. */
    @Test
    void C08_theNextFrontEndFindsBypassAsInTheBeginning() {
        device.connected(waker());
        device.writeConfig(36, new byte[] {0});
        device.disconnected();
        assertEquals(List.of("bypass true", "bypass false", "disconnected"), port.calls);
        device.connected(waker());
        assertEquals(1, device.config()[36]);
        assertEquals("bypass true", port.calls.getLast());
    }

    private static VhostDevice.Waker waker() {
        return new VhostDevice.Waker() {
            @Override
            public void wake() {
                // the test serves by itself
            }

            @Override
            public void configChanged() {
                // nobody is there to be told
            }
        };
    }

    @Test
    void C12_everySubsetOfTheFeaturesIsAccepted() {
        for (long features = 0; features <= LIMITED.features(); features++) {
            use(LIMITED, features);
            assertEquals(Wire.OK, status(request(Wire.ATTACH, 1, 7, 0, 0)), "features=" + features);
        }
    }

    @Test
    void C22_bypassHoldsForADriverThatDoesNotKnowIt() {
        port.calls.clear();
        device = new IommuDevice(LIMITED, port);
        device.acknowledged(LIMITED.features() & ~Wire.F_BYPASS_CONFIG);
        assertEquals(List.of("bypass true"), port.calls);
        assertEquals(1, device.config()[36]);
    }

    @Test
    void shouldNotOfferWhatTheOperatorKeepsToHimself() {
        IommuConfig fixed = new IommuConfig(Profile.VIRTIO_1_2, -4096L, 0, -1L, 0, -1, PROBE_BYTES, true, false, false);
        use(fixed, -1L);
        assertEquals(0, device.features() & (Wire.F_BYPASS_CONFIG | Wire.F_BYPASS));
        device.acknowledged(fixed.features());
        device.writeConfig(36, new byte[] {0});
        assertEquals(1, device.config()[36]);
        assertEquals(Wire.INVAL, status(request(Wire.ATTACH, 1, 7, 1, 0)));
        assertEquals(1, device.requests().answered(Wire.INVAL));
        assertEquals(0, device.requests().answered(Wire.OK));
        assertNoCalls();
    }

    @Test
    void C24_bypassOfTheDraftIsNegotiated() {
        use(DRAFT, -1L);
        device.acknowledged(DRAFT.features());
        device.acknowledged(DRAFT.features() & ~Wire.F_BYPASS);
        assertEquals(List.of("bypass true", "bypass false"), port.calls);
    }

    @Test
    void C14_C19_C87_successOfEveryVerb() {
        assertEquals(Wire.OK, status(request(Wire.ATTACH, 1, 7, 0, 0)));
        assertEquals(Wire.OK, status(map(1, 0x1000, 0x2fff, 0x5000, 3)));
        assertEquals(Wire.OK, status(request(Wire.UNMAP, 1, 0x1000L, 0x2fffL, 0)));
        assertEquals(Wire.OK, status(request(Wire.DETACH, 1, 7, 0, 0)));
        assertEquals(
                List.of(
                        "attach 1 7",
                        "end",
                        "map 1 1000 2fff 5000 3",
                        "end",
                        "unmap 1 1000 2fff",
                        "end",
                        "detach 1 7",
                        "end"),
                port.calls);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 4, 5, 6, 7, 8})
    void C15_C19_C87_failuresOfThePortAreTold(int status) {
        port.answer = status;
        assertEquals(status, status(request(Wire.ATTACH, 1, 7, 0, 0)));
        assertEquals(status, status(map(1, 0x1000, 0x2fff, 0x5000, 3)));
        assertEquals(status, status(request(Wire.UNMAP, 1, 0x1000L, 0x2fffL, 0)));
        assertEquals(status, status(request(Wire.DETACH, 1, 7, 0, 0)));
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 6, 7, 8, 0x80, 0xff})
    void C16_C17_B24_unknownTypeGoesBackUnwritten(int type) {
        assertUnwritten(request(type, 1, 7, 0, 0), 64);
        assertNoCalls();
    }

    @Test
    void C18_reservedOfTheHeadIsIgnored() {
        int reserved = 0xffffff00;
        assertEquals(Wire.OK, status(request(Wire.ATTACH | reserved, 1, 7, 0, 0)));
        byte[] map = map(1, 0x1000, 0x1fff, 0, 3);
        Arrays.fill(map, 1, 4, (byte) 0xff);
        assertEquals(Wire.OK, status(map));
        assertEquals(Wire.OK, status(Arrays.copyOf(request(Wire.UNMAP | reserved, 1, 0x1000L, 0x1fffL, 0), 28)));
        assertEquals(Wire.OK, status(Arrays.copyOf(request(Wire.DETACH | reserved, 1, 7, 0, 0), 20)));
        offer(Arrays.copyOf(request(Wire.PROBE | reserved, 7), 72), PROBE_BYTES + 4);
        assertEquals(PROBE_BYTES + 4, serve());
        assertEquals(Wire.OK, written(PROBE_BYTES));
    }

    @ParameterizedTest
    @CsvSource({"1, 20", "2, 20", "3, 36", "4, 28", "5, 72"})
    void C20_B16_B17_requestThatCannotBeParsedGoesBackUnwritten(int type, int whole) {
        byte[] full = request(type, 1, 0, 0, 0);
        for (int bytes = 0; bytes < whole; bytes++) {
            assertUnwritten(Arrays.copyOf(full, bytes), 64);
        }
        for (int room = 0; room < 4; room++) {
            assertUnwritten(full, room);
        }
        assertNoCalls();
    }

    @Test
    void C20_statusIsInTheLastFourBytes() {
        offer(map(1, 0x1000, 0x1fff, 0, 3), 9);
        port.answer = Wire.NOENT;
        assertEquals(9, serve());
        assertArrayEquals(
                new byte[] {0, 0, 0, 0, 0, Wire.NOENT, 0, 0, 0},
                memory.asSlice(DATA + 4096, 9).toArray(ValueLayout.JAVA_BYTE));
    }

    @ParameterizedTest
    @CsvSource({"0x0, 0x1fff", "0x1000, 0x8000000fff", "0x8000000000, 0x8000000fff", "0x0, 0xfff"})
    void C26_mapOutsideTheInputRange(String first, String last) {
        assertEquals(Wire.RANGE, status(map(1, Long.decode(first), Long.decode(last), 0, 3)));
        assertNoCalls();
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 101, -1})
    void C27_domainOutsideTheRangeOnFourVerbs(int domain) {
        assertEquals(Wire.RANGE, status(request(Wire.ATTACH, domain, 7, 0, 0)));
        assertEquals(Wire.RANGE, status(request(Wire.DETACH, domain, 7, 0, 0)));
        assertEquals(Wire.RANGE, status(map(domain, 0x1000, 0x1fff, 0, 3)));
        assertEquals(Wire.RANGE, status(request(Wire.UNMAP, domain, 0x1000L, 0x1fffL, 0)));
        assertNoCalls();
    }

    @Test
    void C28_B19_withoutLimitsEverythingGoes() {
        use(OPEN, -1L);
        assertEquals(Wire.OK, status(map(-1, -4096L, -1L, 0, 3)));
        assertEquals(Wire.OK, status(map(0, 0, -1L, 0, 1)));
        assertEquals(Wire.OK, status(request(Wire.UNMAP, 0, 0L, -1L, 0)));
        assertEquals(
                List.of(
                        "map 4294967295 fffffffffffff000 ffffffffffffffff 0 3",
                        "end",
                        "map 0 0 ffffffffffffffff 0 1",
                        "end",
                        "unmap 0 0 ffffffffffffffff",
                        "end"),
                port.calls);
    }

    @Test
    void C29_C69_whatWasNotNegotiatedIsUnknown() {
        use(LIMITED, ~(Wire.F_MAP_UNMAP | Wire.F_PROBE));
        assertUnwritten(map(1, 0x1000, 0x1fff, 0, 3), 4);
        assertUnwritten(request(Wire.UNMAP, 1, 0x1000L, 0x1fffL, 0), 4);
        assertUnwritten(request(Wire.PROBE, 7), PROBE_BYTES + 4);
        assertNoCalls();
    }

    @Test
    void C30_C31_attachWithReservedOrUnknownBits() {
        for (int i = 16; i < 20; i++) {
            byte[] request = request(Wire.ATTACH, 1, 7, 0, 0);
            request[i] = 1;
            assertEquals(Wire.INVAL, status(request));
        }
        for (int bit = 1; bit < 32; bit++) {
            assertEquals(Wire.INVAL, status(request(Wire.ATTACH, 1, 7, 1 << bit, 0)));
        }
        assertNoCalls();
        assertEquals(Wire.OK, status(request(Wire.ATTACH, 1, 7, 1, 0)));
        assertEquals("attach 1 7 bypass", port.calls.get(port.calls.size() - 2));
        use(LIMITED, ~Wire.F_BYPASS_CONFIG);
        assertEquals(Wire.INVAL, status(request(Wire.ATTACH, 1, 7, 1, 0)));
        use(DRAFT, -1L);
        for (int i = 12; i < 20; i++) {
            byte[] request = request(Wire.ATTACH, 1, 7, 0, 0);
            request[i] = 1;
            assertEquals(Wire.INVAL, status(request));
        }
        assertNoCalls();
    }

    @Test
    void C42_C60_reservedOfDetachAndUnmapIsIgnored() {
        assertEquals(Wire.OK, status(request(Wire.DETACH, 1, 7, -1, -1)));
        assertEquals(Wire.OK, status(request(Wire.UNMAP, 1, 0x1000L, 0x1fffL, -1)));
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 4096, 16384, 65536, 1 << 21})
    void C47_B20_alignmentOfAllThree(long granule) {
        use(new IommuConfig(Profile.VIRTIO_1_2, -granule, 0, -1L, 0, -1, 0, true, true, true), -1L);
        long first = 8 * granule;
        assertEquals(Wire.OK, status(map(1, first, first + granule - 1, first, 3)));
        assertEquals(Wire.OK, status(map(1, -granule, -1L, 0, 3)), "the end of the space");
        int expected = granule == 1 ? Wire.OK : Wire.RANGE;
        assertEquals(expected, status(map(1, first + 1, first + 2 * granule - 1, first, 3)));
        assertEquals(expected, status(map(1, first, first + granule, first, 3)));
        assertEquals(expected, status(map(1, first, first + granule - 1, first + 1, 3)));
        assertEquals(expected, status(map(1, first, first, first, 3)), "C58: first = last");
    }

    @Test
    void C49_B21_unknownMapFlags() {
        for (int bit = 3; bit < 32; bit++) {
            assertEquals(Wire.INVAL, status(map(1, 0x1000, 0x1fff, 0, 1 << bit | 3)));
        }
        assertNoCalls();
        assertEquals(Wire.OK, status(map(1, 0x1000, 0x1fff, 0, 7)));
        assertEquals("map 1 1000 1fff 0 3 mmio", port.calls.get(port.calls.size() - 2));
        use(LIMITED, ~Wire.F_MMIO);
        assertEquals(Wire.INVAL, status(map(1, 0x1000, 0x1fff, 0, 7)));
        assertNoCalls();
    }

    @Test
    void C54_flagsOfTheDraft() {
        use(DRAFT, -1L);
        assertEquals(Wire.OK, status(map(1, 0x1000, 0x1fff, 0, 1 | 4)));
        assertEquals(Wire.OK, status(map(1, 0x1000, 0x1fff, 0, 2 | 8)));
        assertEquals(List.of("map 1 1000 1fff 0 1", "end", "map 1 1000 1fff 0 2 mmio", "end"), port.calls);
        assertEquals(Wire.UNSUPP, status(map(1, 0x1000, 0x1fff, 0, 4)));
        assertEquals(Wire.INVAL, status(map(1, 0x1000, 0x1fff, 0, 16)));
    }

    @Test
    void C57_targetThatWraps() {
        use(OPEN, -1L);
        assertEquals(Wire.OK, status(map(1, 0x1000, 0x1fff, -4096L, 3)));
        assertEquals(Wire.RANGE, status(map(1, 0x1000, 0x2fff, -4096L, 3)));
    }

    @Test
    void C58_B18_invertedRange() {
        assertEquals(Wire.INVAL, status(map(1, 0x2000, 0x1fff, 0, 3)));
        assertEquals(Wire.INVAL, status(map(1, -4096L, 0x1fff, 0, 3)));
        assertEquals(Wire.INVAL, status(request(Wire.UNMAP, 1, 0x2000L, 0x1fffL, 0)));
        assertNoCalls();
    }

    @Test
    void C59_noMemoryInBothProfiles() {
        port.answer = Wire.NOMEM;
        assertEquals(Wire.NOMEM, status(map(1, 0x1000, 0x1fff, 0, 3)));
        use(DRAFT, -1L);
        assertEquals(Wire.DEVERR, status(map(1, 0x1000, 0x1fff, 0, 3)));
    }

    @Test
    void C67_C70_C71_C72_C74_C75_C90_probe() {
        byte[] request = request(Wire.PROBE, 7);
        Arrays.fill(request, 8, 72, (byte) 0xff);
        offer(request, PROBE_BYTES + 4);
        assertEquals(PROBE_BYTES + 4, serve());
        String properties = "0100140001000000" + "0000e0fe00000000" + "ffffeffe00000000" + "0100140000000000"
                + "0000000000100000" + "ff0f000000100000";
        byte[] written = memory.asSlice(DATA + 4096, PROBE_BYTES + 4).toArray(ValueLayout.JAVA_BYTE);
        assertEquals(properties, HexFormat.of().formatHex(written, 0, 48));
        assertArrayEquals(new byte[PROBE_BYTES + 4 - 48], Arrays.copyOfRange(written, 48, PROBE_BYTES + 4));
    }

    @Test
    void C68_probeOfAnUnknownEndpoint() {
        offer(request(Wire.PROBE, RecordingPort.UNKNOWN_ENDPOINT), PROBE_BYTES + 4);
        assertEquals(PROBE_BYTES + 4, serve());
        byte[] expected = new byte[PROBE_BYTES + 4];
        expected[PROBE_BYTES] = Wire.NOENT;
        assertArrayEquals(expected, memory.asSlice(DATA + 4096, PROBE_BYTES + 4).toArray(ValueLayout.JAVA_BYTE));
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 24, 48, PROBE_BYTES - 1})
    void C73_B25_probeWithTooLittleRoom(int room) {
        offer(request(Wire.PROBE, 7), room + 4);
        assertEquals(room + 4, serve());
        byte[] expected = new byte[room + 4];
        expected[room] = Wire.INVAL;
        assertArrayEquals(expected, memory.asSlice(DATA + 4096, room + 4).toArray(ValueLayout.JAVA_BYTE));
        assertNoCalls();
    }

    @Test
    void B25_probeWithTooMuchRoom() {
        offer(request(Wire.PROBE, 7), PROBE_BYTES + 20);
        assertEquals(PROBE_BYTES + 4, serve());
        assertEquals(Wire.OK, written(PROBE_BYTES));
        assertEquals(CANARY, written(PROBE_BYTES + 4));
    }

    @Test
    void C76_C77_C92_regionsThatCannotBe() {
        var one = new ReservedMemory.Region(0, 9, true);
        assertThrows(
                IllegalArgumentException.class,
                () -> new ReservedMemory(List.of(one, new ReservedMemory.Region(10, 19, true))));
        assertThrows(
                IllegalArgumentException.class,
                () -> new ReservedMemory(List.of(new ReservedMemory.Region(9, 19, false), one)));
        assertThrows(IllegalArgumentException.class, () -> new ReservedMemory.Region(0, -1L, false));
        assertThrows(IllegalArgumentException.class, () -> new ReservedMemory.Region(5, 4, false));
    }

    @Test
    void C88_C89_wholeRingInOrderWithOneFlushForABatch() {
        byte[] readable = map(1, 0x1000, 0x1fff, 0, 3);
        for (int i = 0; i < 128; i++) {
            ByteBuffer.wrap(readable)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .putLong(8, 0x1000L * (i + 1))
                    .putLong(16, 0x1000L * (i + 2) - 1);
            long at = DATA + 64L * i;
            MemorySegment.copy(MemorySegment.ofArray(readable), 0, memory, at, readable.length);
            driver.descriptor(2 * i, at, 36, DriverRing.NEXT, 2 * i + 1);
            driver.descriptor(2 * i + 1, at + 40, 4, DriverRing.WRITE, 0);
            driver.offer(2 * i);
        }
        device.serve(0, queue, chain);
        assertEquals(0, driver.usedIndex(), "nothing is shown before the flush");
        queue.publish();
        assertEquals(128, driver.usedIndex());
        for (int i = 0; i < 128; i++) {
            assertEquals(4L << 32 | 2L * i, driver.takeUsed());
        }
        assertEquals(2, port.calls.stream().filter("end"::equals).count());
        port.calls.removeIf("end"::equals);
        assertEquals("map 1 1000 1fff 0 3", port.calls.getFirst());
        assertEquals("map 1 80000 80fff 0 3", port.calls.getLast());
    }

    @Test
    void C45_C66_failedFlushIsNoSuccessOfARemoval() {
        port.flushes = false;
        assertEquals(Wire.IOERR, status(request(Wire.UNMAP, 1, 0x1000L, 0x1fffL, 0)));
        assertEquals(Wire.IOERR, status(request(Wire.DETACH, 1, 7, 0, 0)));
        assertEquals(Wire.IOERR, status(request(Wire.ATTACH, 1, 7, 0, 0)));
        assertEquals(Wire.OK, status(map(1, 0x1000, 0x1fff, 0, 3)));
        port.answer = Wire.NOENT;
        assertEquals(Wire.NOENT, status(request(Wire.UNMAP, 1, 0x1000L, 0x1fffL, 0)));
    }

    /** B15, C93: cut anywhere, direct or indirect. */
    @Test
    void C93_readablePartSplitAtEveryByte() {
        byte[] readable = map(1, 0x1000, 0x1fff, 0x7000, 3);
        for (int cut = 1; cut < 36; cut++) {
            port.calls.clear();
            MemorySegment.copy(MemorySegment.ofArray(readable), 0, memory, DATA, cut);
            MemorySegment.copy(MemorySegment.ofArray(readable), cut, memory, DATA + 512, 36 - cut);
            boolean indirect = cut % 2 == 0;
            long table = indirect ? DATA + 1024 : 0;
            driver.descriptorAt(table, DATA, cut, DriverRing.NEXT, 1);
            driver.descriptorAt(table + 16, DATA + 512, 36 - cut, DriverRing.NEXT, 2);
            driver.descriptorAt(table + 32, DATA + 600, 1, DriverRing.WRITE | DriverRing.NEXT, 3);
            driver.descriptorAt(table + 48, DATA + 700, 3, DriverRing.WRITE, 0);
            driver.descriptor(
                    indirect ? 9 : 0,
                    indirect ? table : DATA,
                    indirect ? 64 : cut,
                    indirect ? DriverRing.INDIRECT : DriverRing.NEXT,
                    1);
            driver.offer(indirect ? 9 : 0);
            assertEquals(4, serve());
            assertEquals(List.of("map 1 1000 1fff 7000 3", "end"), port.calls);
        }
    }

    private void offerEventBuffer(int index, int bytes) {
        driver.descriptor(index, DATA + 64L * index, bytes, DriverRing.WRITE, 0);
        driver.offer(index);
    }

    /** What only the port can know; that it changes nothing is the engine's promise. */
    @Test
    void B22_B23_refusalsOfThePortAreToldAsTheyAre() {
        port.answer = Wire.RANGE;
        assertEquals(Wire.RANGE, status(request(Wire.UNMAP, 1, 0L, 0xfffL, 0)), "a mapping would be cut");
        for (int answer : new int[] {Wire.NOENT, Wire.INVAL}) { // no such domain; one that bypasses
            port.answer = answer;
            assertEquals(answer, status(map(1, 0x1000, 0x1fff, 0, 1)));
            assertEquals(answer, status(request(Wire.UNMAP, 1, 0L, 0xfffL, 0)));
        }
        assertEquals(10, port.calls.size(), "one call and one end of a batch for each");
    }

    @Test
    void C79_C80_C81_C82_faultOnTheWire() {
        offerEventBuffer(0, 24);
        device.serve(1, queue, chain);
        assertFalse(driver.hasUsed());
        device.reportFault(Wire.FAULT_MAPPING, 2, 0x18, 0x1234_5678_9abcL);
        device.serve(1, queue, chain);
        queue.publish();
        assertEquals(24L << 32, driver.takeUsed());
        assertEquals(
                "02000000" + "02010000" + "18000000" + "00000000" + "bc9a785634120000",
                HexFormat.of().formatHex(memory.asSlice(DATA, 24).toArray(ValueLayout.JAVA_BYTE)));
    }

    @Test
    void C83_bufferThatIsTooSmallGoesBackUnused() {
        offerEventBuffer(0, 16);
        offerEventBuffer(1, 32);
        device.reportFault(Wire.FAULT_DOMAIN, 1, 7, 0);
        device.serve(1, queue, chain);
        queue.publish();
        assertEquals(0, driver.takeUsed());
        assertEquals(24L << 32 | 1, driver.takeUsed());
        assertEquals(Wire.FAULT_DOMAIN, memory.get(ValueLayout.JAVA_BYTE, DATA + 64));
    }

    @Test
    void C84_B31_faultsWithoutBuffersAreDroppedAndCounted() {
        for (int i = 0; i < 1_000_000; i++) {
            device.reportFault(Wire.FAULT_MAPPING, 1, 7, i);
        }
        assertTrue(device.droppedFaults() >= 999_000);
        offerEventBuffer(0, 24);
        device.serve(1, queue, chain);
        queue.publish();
        assertEquals(24L << 32, driver.takeUsed());
        assertEquals(0, memory.get(ValueLayout.JAVA_LONG, DATA + 16), "the first ones are the ones that wait");
    }

    @Test
    void C11_resetReachesThePort() {
        device.reportFault(Wire.FAULT_MAPPING, 1, 7, 0);
        device.reset();
        assertEquals(List.of("reset"), port.calls);
        offerEventBuffer(0, 24);
        device.serve(1, queue, chain);
        queue.publish();
        assertFalse(driver.hasUsed());
    }
}
