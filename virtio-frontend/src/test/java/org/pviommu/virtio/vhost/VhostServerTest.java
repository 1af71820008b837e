package org.pviommu.virtio.vhost;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.pviommu.natives.EventFd;
import org.pviommu.natives.FileDescriptor;
import org.pviommu.natives.NativeException;
import org.pviommu.natives.UnixSocket;

class VhostServerTest {
    private static final int NONE = -1;

    private final Path folder;
    private final Path path;
    private final int uid;
    private final EchoDevice device = new EchoDevice();
    private final List<String> lines = new CopyOnWriteArrayList<>();
    private final List<AutoCloseable> open = new ArrayList<>();

    VhostServerTest(@TempDir Path folder) throws IOException {
        this.folder = folder;
        path = folder.resolve("device");
        uid = (int) Files.getAttribute(folder, "unix:uid");
    }

    @AfterEach
    void closeAll() throws Exception {
        for (AutoCloseable each : open.reversed()) {
            each.close();
        }
    }

    private VhostServer serve(VhostDevice served, Path at, int timeoutMs, long pollNs, int allowedUid) {
        VhostLog log = new VhostLog() {
            @Override
            public void info(String message) {
                lines.add(message);
            }

            @Override
            public void warning(String message) {
                lines.add(message);
            }

            @Override
            public void error(String message, Throwable cause) {
                lines.add(message + ": " + cause);
            }
        };
        VhostSettings settings = new VhostSettings(at, Set.of(allowedUid), Set.of(), timeoutMs, pollNs);
        VhostServer server = new VhostServer(served, settings, log);
        open.add(server);
        return server;
    }

    private VhostServer serve() {
        return serve(device, path, FrontEnd.GUARD_MS, 0, uid);
    }

    private FrontEnd connect() {
        FrontEnd frontEnd = new FrontEnd(path);
        open.add(frontEnd);
        return frontEnd;
    }

    private FrontEnd started() {
        FrontEnd frontEnd = connect();
        frontEnd.start();
        return frontEnd;
    }

    private static void await(String what, BooleanSupplier condition) throws InterruptedException {
        long endNs = System.nanoTime() + FrontEnd.GUARD_MS * 1_000_000L;
        while (!condition.getAsBoolean()) {
            assertTrue(System.nanoTime() < endNs, what);
            Thread.sleep(1);
        }
    }

    private static long openFds() {
        try (Stream<Path> numbers = Files.list(Path.of("/proc/self/fd"))) {
            return numbers.count();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** A refusal is told before everything of the message is closed, so this may take a moment. */
    private static void awaitFds(long expected, String what) throws InterruptedException {
        await(what + ": open descriptors are not as before", () -> openFds() == expected);
    }

    /** Another front-end is served, whatever the last one did. */
    private void assertServes() {
        FrontEnd other = started();
        other.echo(4711);
        other.close();
    }

    @ParameterizedTest
    @ValueSource(longs = {0, 2_000_000})
    void shouldServeRequests(long pollNs) {
        serve(device, path, FrontEnd.GUARD_MS, pollNs, uid);
        FrontEnd frontEnd = started();
        for (int i = 0; i < 2000; i++) {
            frontEnd.echo(i);
        }
        assertEquals(
                Features.VERSION_1
                        | Features.EVENT_IDX
                        | Features.INDIRECT_DESC
                        | Features.PROTOCOL_FEATURES
                        | EchoDevice.FEATURE,
                device.acknowledged.get());
    }

    @Test
    void shouldFindRequestsWithoutAKickWhilePolling() {
        serve(device, path, FrontEnd.GUARD_MS, Long.MAX_VALUE, uid);
        FrontEnd frontEnd = started();
        for (int i = 0; i < 500; i++) {
            frontEnd.offer(i);
            frontEnd.awaitEcho(i);
        }
        assertTrue(frontEnd.ask(3, new byte[0]), "messages are heard while polling");
    }

    @ParameterizedTest
    @ValueSource(strings = {"nbakcre", "ekcrabn", "kenabcr", "ancbkre"})
    void shouldStartAQueueWhateverComesFirst(String order) {
        serve();
        FrontEnd frontEnd = connect();
        frontEnd.negotiate(-1L);
        assertTrue(frontEnd.setMemory());
        for (int i = 0; i < order.length(); i++) {
            boolean done = switch (order.charAt(i)) {
                case 'n' -> frontEnd.ask(8, FrontEnd.state(0, FrontEnd.QUEUE_SIZE));
                case 'b' -> frontEnd.ask(10, FrontEnd.state(0, 0));
                case 'a' -> frontEnd.ask(9, frontEnd.addresses(0));
                case 'k' -> frontEnd.ask(12, FrontEnd.words(0), frontEnd.kick.fd());
                case 'c' -> frontEnd.ask(13, FrontEnd.words(0), frontEnd.call.fd());
                case 'r' -> frontEnd.ask(14, FrontEnd.words(0), frontEnd.error.fd());
                default -> frontEnd.ask(18, FrontEnd.state(0, 1));
            };
            assertTrue(done);
        }
        frontEnd.echo(1);
    }

    @Test
    void shouldStopAQueueAndGoOnWhereItWas() {
        serve();
        FrontEnd frontEnd = started();
        frontEnd.echo(1);
        frontEnd.echo(2);
        frontEnd.send(11, 0, FrontEnd.state(0, 0));
        assertArrayEquals(FrontEnd.state(0, 2), frontEnd.answer());
        frontEnd.offer(3);
        frontEnd.kick.signal();
        assertTrue(frontEnd.ask(3, new byte[0]));
        assertFalse(frontEnd.ring.hasUsed(), "a queue that was stopped is left alone");
        assertTrue(frontEnd.ask(12, FrontEnd.words(0), frontEnd.kick.fd()));
        assertTrue(frontEnd.ask(13, FrontEnd.words(0), frontEnd.call.fd()));
        frontEnd.awaitEcho(3);
    }

    @Test
    void shouldReadAndWriteTheConfigurationSpace() {
        serve();
        FrontEnd frontEnd = connect();
        frontEnd.negotiate(-1L);
        byte[] write = new byte[12 + 40];
        write[4] = 40;
        write[12 + 36] = 1;
        assertTrue(frontEnd.ask(25, write));
        frontEnd.send(24, 0, write.clone());
        assertArrayEquals(write, frontEnd.answer());
        byte[] one = {36, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7};
        assertTrue(frontEnd.ask(25, one));
        assertEquals(7, device.config()[36]);
        one[0] = 40;
        assertFalse(frontEnd.ask(25, one));
        one[0] = 0;
        one[3] = -1; // an offset above 2^31
        assertFalse(frontEnd.ask(25, one));
        frontEnd.send(24, 0, one);
        assertEquals(0, frontEnd.answer().length, "no payload says that it failed");
        assertTrue(frontEnd.ask(3, new byte[0]));
    }

    @Test
    void shouldTellTheFrontEndOfAChangedConfiguration() {
        serve();
        FrontEnd frontEnd = connect();
        frontEnd.negotiate(-1L);
        Path back = folder.resolve("back");
        try (UnixSocket listener = UnixSocket.listenStream(back, 1);
                UnixSocket theirs = UnixSocket.connectStream(back);
                UnixSocket ours = listener.accept()) {
            assertTrue(frontEnd.ask(21, new byte[0], theirs.fd()));
            VhostDevice.Waker waker = device.waker;
            assertNotNull(waker);
            waker.configChanged();
            assertNotNull(ours);
            assertTrue(ours.awaitReadable(FrontEnd.GUARD_MS));
            byte[] message = new byte[64];
            assertEquals(12, ours.receive(MemorySegment.ofArray(message), new ArrayList<>(), 0));
            assertArrayEquals(new byte[] {2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0}, Arrays.copyOf(message, 12));
        }
        assertFalse(frontEnd.ask(21, new byte[0], frontEnd.memory.fd()), "a file is no channel");
        assertFalse(frontEnd.ask(21, new byte[0]));
    }

    @Test
    void shouldAddAndRemoveRegions() {
        serve();
        FrontEnd frontEnd = connect();
        frontEnd.negotiate(-1L);
        frontEnd.send(36, 0, new byte[0]);
        assertEquals(MemoryTable.MAX_REGIONS, frontEnd.number());
        byte[] whole = FrontEnd.words(0, 0, FrontEnd.MEMORY_BYTES, FrontEnd.USER, 0);
        assertTrue(frontEnd.ask(37, whole, frontEnd.memory.fd()));
        frontEnd.startQueue();
        frontEnd.echo(1);
        assertFalse(frontEnd.ask(37, whole, frontEnd.memory.fd()), "it is there already");
        assertFalse(frontEnd.ask(38, FrontEnd.words(0, 0, 4096, FrontEnd.USER, 0)), "no such region");
        frontEnd.echo(2);
        // A region that begins neither at a page of the file nor of the guest.
        byte[] odd = FrontEnd.words(0, 0x10_0000_0800L, 0x1000, FrontEnd.USER + 0x1000_0800, 0x800);
        assertTrue(frontEnd.ask(37, odd, frontEnd.memory.fd()));
        assertEquals(2, device.regions);
        frontEnd.echo(3);
        assertTrue(frontEnd.ask(38, whole));
        assertEquals(1, device.regions);
        frontEnd.offer(4);
        frontEnd.kick.signal();
        assertTrue(frontEnd.error.await(FrontEnd.GUARD_MS), "the queue's memory is gone, and its owner hears of it");
        assertFalse(frontEnd.ring.hasUsed());
        for (int i = 1; i < MemoryTable.MAX_REGIONS; i++) {
            byte[] small = FrontEnd.words(0, i * 0x20_0000L, 4096, FrontEnd.USER + i * 0x20_0000L, 0);
            assertTrue(frontEnd.ask(37, small, frontEnd.memory.fd()));
        }
        assertFalse(frontEnd.ask(37, whole, frontEnd.memory.fd()), "one too many");
    }

    @Test
    void shouldResetTheDevice() {
        serve();
        FrontEnd frontEnd = started();
        frontEnd.echo(1);
        assertTrue(frontEnd.ask(34, new byte[0]));
        assertEquals(1, device.resets.get());
        frontEnd.offer(2);
        frontEnd.kick.signal();
        assertTrue(frontEnd.ask(3, new byte[0]));
        assertFalse(frontEnd.ring.hasUsed());
        frontEnd.memory.segment().asSlice(0, FrontEnd.DATA).fill((byte) 0);
        frontEnd.startQueue();
        frontEnd.ring.setAvailableIndex(0);
        frontEnd.offer(3);
        frontEnd.kick.signal();
        assertTrue(frontEnd.call.await(FrontEnd.GUARD_MS));
        assertEquals(1, frontEnd.ring.usedIndex());
    }

    @Test
    void shouldServeTheNextFrontEndAndGiveAllBack() throws Exception {
        serve();
        long before = openFds();
        assertServes();
        awaitFds(before, "after the first");
        for (int i = 0; i < 30; i++) {
            assertServes();
        }
        await("left", () -> device.disconnects.get() == 31);
        awaitFds(before, "in the end");
    }

    @Test
    void shouldServeSeveralDevicesAtATime() {
        serve();
        EchoDevice second = new EchoDevice();
        Path other = folder.resolve("other");
        serve(second, other, FrontEnd.GUARD_MS, 0, uid);
        FrontEnd one = started();
        try (FrontEnd two = new FrontEnd(other)) {
            two.start();
            two.send(2, 0, FrontEnd.words(-1L)); // spoils its own connection
            assertTrue(two.isClosed());
            one.echo(1);
        }
    }

    @Test
    void shouldSurviveADeviceThatThrows() {
        VhostServer server = serve();
        device.failing = true;
        FrontEnd frontEnd = started();
        frontEnd.offer(1);
        frontEnd.kick.signal();
        assertTrue(frontEnd.isClosed());
        device.failing = false;
        assertServes();
        assertEquals(1, server.counters().internalErrors());
    }

    @ParameterizedTest
    @ValueSource(ints = {4097, Integer.MAX_VALUE, -1})
    void C01_sizeThatNoMessageHasEndsTheConnection(int size) {
        serve();
        FrontEnd frontEnd = connect();
        frontEnd.sendHeader(2, Message.VERSION, size, new byte[0]);
        assertTrue(frontEnd.isClosed());
        assertServes();
    }

    @ParameterizedTest
    @CsvSource({"2, 0", "2, 7", "2, 9", "5, 0", "9, 39", "12, 0", "1, 8", "24, 11", "37, 32"})
    void C01_sizeThatThisMessageCannotHaveIsRefused(int request, int size) {
        serve();
        FrontEnd frontEnd = connect();
        frontEnd.negotiate(-1L);
        frontEnd.send(request, FrontEnd.NEED_REPLY, new byte[size]);
        boolean answered = Request.of(request) != null
                && (request == 1 || request == 24); // their answer has no place for a refusal
        assertEquals(answered, frontEnd.answer().length == 0);
    }

    @Test
    void C02_halfAMessageAndThenSilence() {
        VhostServer server = serve(device, path, 50, 0, uid);
        FrontEnd frontEnd = connect();
        frontEnd.sendHeader(2, Message.VERSION, 8, new byte[3]);
        assertTrue(frontEnd.isClosed());
        assertServes();
        assertEquals(1, server.counters().protocolErrors());
        FrontEnd polled = connect();
        polled.socket.send(MemorySegment.ofArray(new byte[5]), List.of());
        assertTrue(polled.isClosed());
    }

    @Test
    void C02_messageInPiecesIsOne() throws InterruptedException {
        serve();
        FrontEnd frontEnd = connect();
        frontEnd.negotiate(-1L);
        byte[] message = {3, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0};
        for (byte each : message) {
            frontEnd.socket.send(MemorySegment.ofArray(new byte[] {each}), List.of());
            Thread.sleep(2);
        }
        assertEquals(0, frontEnd.number());
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 2, 3, 5})
    void C03_wrongVersionOrAReplyEndsTheConnection(int flags) {
        serve();
        FrontEnd frontEnd = connect();
        frontEnd.sendHeader(3, flags, 0, new byte[0]);
        assertTrue(frontEnd.isClosed());
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 6, 7, 22, 31, 32, 39, 40, 99, NONE})
    void C04_unknownRequestIsRefusedInWordsOrEndsTheConnection(int request) {
        serve();
        FrontEnd frontEnd = connect();
        frontEnd.negotiate(-1L);
        assertFalse(frontEnd.ask(request, new byte[8]));
        assertTrue(frontEnd.ask(3, new byte[0]));
        frontEnd.send(request, 0, new byte[8]);
        assertTrue(frontEnd.isClosed());
    }

    @Test
    void C05_C06_C07_descriptorsThatNobodyAskedForAreClosed() throws Exception {
        serve();
        long before = openFds();
        assertServes();
        awaitFds(before, "after the first");
        for (int count : new int[] {1, 8, 9, 32, 253}) {
            int gone = device.disconnects.get() + 1;
            FrontEnd frontEnd = new FrontEnd(path);
            FileDescriptor[] fds = new FileDescriptor[count];
            Arrays.fill(fds, frontEnd.memory.fd());
            frontEnd.send(3, 0, new byte[0], fds);
            assertTrue(frontEnd.isClosed());
            frontEnd.close();
            await("left", () -> device.disconnects.get() >= gone);
            awaitFds(before, "fds=" + count);
        }
    }

    @Test
    void C05_refusedDescriptorLeavesTheConnectionAsItWas() throws Exception {
        serve();
        FrontEnd frontEnd = started();
        long before = openFds();
        assertFalse(frontEnd.ask(3, new byte[0], frontEnd.memory.fd()));
        assertFalse(frontEnd.ask(8, FrontEnd.state(0, 8), frontEnd.memory.fd(), frontEnd.memory.fd()));
        awaitFds(before, "in the end");
        frontEnd.echo(1);
    }

    @Test
    void C08_memoryTableThatCannotBeLeavesTheOldOne() throws Exception {
        serve();
        FrontEnd frontEnd = started();
        FileDescriptor fd = frontEnd.memory.fd();
        long before = openFds();
        assertFalse(frontEnd.ask(5, FrontEnd.words(0)), "none");
        assertFalse(frontEnd.ask(5, FrontEnd.table(0, 4096, FrontEnd.USER, 0)), "no descriptor");
        assertFalse(frontEnd.ask(5, FrontEnd.table(0, 4096, FrontEnd.USER, 0), fd, fd), "one too many");
        assertFalse(frontEnd.ask(5, FrontEnd.words(2, 0, 4096, FrontEnd.USER, 0), fd, fd), "count and size differ");
        assertFalse(frontEnd.ask(5, FrontEnd.words(0x1_0000_0000L - 1), fd));
        long[] nine = new long[36];
        for (int i = 0; i < 9; i++) {
            nine[4 * i] = i * 4096L;
            nine[4 * i + 1] = 4096;
            nine[4 * i + 2] = FrontEnd.USER + i * 4096L;
        }
        assertFalse(frontEnd.ask(5, FrontEnd.table(nine), fd));
        awaitFds(before, "in the end");
        frontEnd.echo(1);
        assertTrue(frontEnd.setMemory(), "the same again");
        frontEnd.echo(2);
        awaitFds(before, "in the end");
    }

    @ParameterizedTest
    @CsvSource({
        "0, 0, 0, 0", // empty
        "0, 0x200000, 0, 0", // beyond the file
        "0, 4096, 0, 0x100000",
        "0, 4096, 0, -4096",
        "0, -1, 0, 0",
        "0, 0x7fffffffffffffff, 0, 0x7ffffffffffff000", // size and offset overflow
        "-2048, 4096, 0, 0", // guest addresses wrap
        "0, 4096, -2048, 0", // user addresses wrap
        "0x800, 4096, 0x100000, 0", // overlap with the other region, in the guest
        "0x100000, 4096, 0x800, 0" // and in the front-end
    })
    void C09_regionThatCannotBeIsRefused(long guest, long size, long user, long offset) throws Exception {
        serve();
        FrontEnd frontEnd = started();
        long before = openFds();
        FileDescriptor fd = frontEnd.memory.fd();
        byte[] table = FrontEnd.table(0, 4096, FrontEnd.USER, 0, guest, size, FrontEnd.USER + user, offset);
        assertFalse(frontEnd.ask(
                5,
                user < 0 ? FrontEnd.table(guest, size, user, offset) : table,
                user < 0 ? new FileDescriptor[] {fd} : new FileDescriptor[] {fd, fd}));
        awaitFds(before, "in the end");
        frontEnd.echo(1);
    }

    @Test
    void C10_memoryThatIsCutShortEndsTheConnection() throws Exception {
        serve();
        FrontEnd frontEnd = started();
        frontEnd.echo(1);
        try (FileChannel file =
                FileChannel.open(Path.of("/proc/self/fd/" + frontEnd.memory.fd().value()), StandardOpenOption.WRITE)) {
            file.truncate(0x4_0000); // the rings stay, the data goes
        }
        frontEnd.offerData(); // not before: a service that looks by itself would have served it
        frontEnd.kick.signal();
        assertTrue(frontEnd.isClosed());
        assertServes();
        assertTrue(lines.stream().anyMatch(line -> line.contains("guest memory is gone")), () -> lines.toString());
    }

    @Test
    void C11_filesThatAreNoMemoryAreRefused() throws Exception {
        serve();
        FrontEnd frontEnd = started();
        Path file = Files.write(folder.resolve("file"), new byte[8192]);
        Path zero = Path.of("/dev/zero");
        try (EventFd event = EventFd.create();
                FileChannel readOnly = FileChannel.open(file, StandardOpenOption.READ);
                FileChannel writeOnly = FileChannel.open(file, StandardOpenOption.WRITE);
                FileChannel device = FileChannel.open(zero, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            assertTrue(readOnly.isOpen() && writeOnly.isOpen() && device.isOpen());
            List<FileDescriptor> strange = new ArrayList<>(List.of(event.fd(), frontEnd.socket.fd()));
            strange.addAll(duplicatesOf(file));
            strange.addAll(duplicatesOf(zero));
            assertEquals(5, strange.size());
            for (FileDescriptor each : strange) {
                assertFalse(frontEnd.ask(5, FrontEnd.table(0, 4096, FrontEnd.USER, 0), each));
            }
            strange.subList(2, 5).forEach(FileDescriptor::close);
        }
        frontEnd.echo(1);
    }

    private static List<FileDescriptor> duplicatesOf(Path file) throws IOException {
        List<FileDescriptor> found = new ArrayList<>();
        try (Stream<Path> links = Files.list(Path.of("/proc/self/fd"))) {
            for (Path link : links.toList()) {
                if (Files.isSymbolicLink(link) && Files.readSymbolicLink(link).equals(file)) {
                    int number = Integer.parseInt(link.getFileName().toString());
                    found.add(FileDescriptor.adopt(number).duplicate()); // the other stays the channel's
                }
            }
        }
        return found;
    }

    @ParameterizedTest
    @CsvSource({"8, 65537", "8, -1", "10, 2", "9, 65536", "11, 2", "18, 256"})
    void C12_queueIndexIsCheckedBeforeItIsNarrowed(int request, int index) {
        serve();
        FrontEnd frontEnd = started();
        byte[] payload = request == 9 ? frontEnd.addresses(index) : FrontEnd.state(index, 1);
        frontEnd.send(request, FrontEnd.NEED_REPLY, payload);
        if (request == 11) {
            assertTrue(frontEnd.isClosed());
        } else {
            assertEquals(1, frontEnd.number());
            frontEnd.echo(1);
        }
    }

    @Test
    void C12_valuesThatCannotBeAreRefused() {
        serve();
        FrontEnd frontEnd = started();
        for (int size : new int[] {0, 3, 512, -1, 65536 + 16}) {
            assertFalse(frontEnd.ask(8, FrontEnd.state(0, size)));
        }
        assertFalse(frontEnd.ask(10, FrontEnd.state(0, 65536)));
        assertFalse(frontEnd.ask(18, FrontEnd.state(0, 2)));
        assertFalse(frontEnd.ask(12, FrontEnd.words(0x200), frontEnd.kick.fd()));
        assertFalse(frontEnd.ask(12, FrontEnd.words(0x100), frontEnd.kick.fd()), "none was announced");
        assertFalse(frontEnd.ask(12, FrontEnd.words(0)), "one was announced");
        frontEnd.echo(1);
    }

    @Test
    void C13_ringAddressesBeforeMemoryAreRefused() {
        serve();
        FrontEnd frontEnd = connect();
        frontEnd.negotiate(-1L);
        assertFalse(frontEnd.ask(9, frontEnd.addresses(0)));
        assertTrue(frontEnd.setMemory());
        assertTrue(frontEnd.ask(9, frontEnd.addresses(0)));
    }

    @Test
    void C14_eventDescriptorsReplacedAgainAndAgain() throws Exception {
        serve();
        FrontEnd frontEnd = started();
        long before = openFds();
        for (int i = 0; i < 3000; i++) {
            assertTrue(frontEnd.ask(
                    12 + i % 3,
                    FrontEnd.words(0),
                    List.of(frontEnd.kick, frontEnd.call, frontEnd.error)
                            .get(i % 3)
                            .fd()));
        }
        awaitFds(before, "in the end");
        frontEnd.echo(1);
    }

    /** Neither was offered: each is refused, the descriptor closed, and nothing is kept of it. */
    @Test
    void C15_floodOfInflightBuffersKeepsNothing() throws Exception {
        VhostServer server = serve();
        FrontEnd frontEnd = started();
        long before = openFds();
        for (int i = 0; i < 3000; i++) {
            boolean set = i % 2 == 0;
            byte[] description = FrontEnd.words(FrontEnd.MEMORY_BYTES, 0, 16L << 16 | 2);
            if (set) {
                assertFalse(frontEnd.ask(32, description, frontEnd.memory.fd()));
            } else {
                assertFalse(frontEnd.ask(31, description));
            }
        }
        frontEnd.echo(1);
        awaitFds(before, "in the end");
        assertEquals(3000, server.counters().refusedMessages());
        assertTrue(lines.size() <= 2 * LimitedLog.BURST + 60, "lines=" + lines.size());
    }

    @Test
    void C16_memoryThatIsReplacedWhileQueuesAreBusy() {
        serve(device, path, FrontEnd.GUARD_MS, 50_000, uid);
        FrontEnd frontEnd = started();
        for (int i = 0; i < 3000; i++) {
            frontEnd.offer(i);
            frontEnd.kick.signal();
            assertTrue(frontEnd.setMemory());
            frontEnd.awaitEcho(i);
        }
    }

    @Test
    void C17_kickThatIsNoEventCounterIsRefused() {
        serve();
        FrontEnd frontEnd = started();
        assertFalse(frontEnd.ask(12, FrontEnd.words(0), frontEnd.memory.fd()));
        assertFalse(frontEnd.ask(12, FrontEnd.words(0), frontEnd.socket.fd()));
        frontEnd.echo(1);
    }

    @Test
    void C18_B30_featuresThatWereNotOfferedAreRefused() {
        serve();
        FrontEnd frontEnd = connect();
        frontEnd.negotiate(-1L);
        for (int bit : new int[] {0, 26, 33, 34, 63}) { // 26: logging; 34: packed rings
            assertFalse(frontEnd.ask(2, FrontEnd.words(1L << bit)));
        }
        for (int bit : new int[] {1, 12, 16, 63}) {
            assertFalse(frontEnd.ask(16, FrontEnd.words(1L << bit)));
        }
        assertTrue(frontEnd.setMemory());
        frontEnd.startQueue();
        frontEnd.echo(1);
    }

    @Test
    void shouldNotTouchTheQueuesOfALegacyDriver() throws InterruptedException {
        serve();
        FrontEnd frontEnd = connect();
        frontEnd.negotiate(Features.PROTOCOL_FEATURES);
        assertTrue(frontEnd.setMemory());
        frontEnd.startQueue();
        frontEnd.offer(1);
        frontEnd.kick.signal();
        assertTrue(frontEnd.ask(3, new byte[0]));
        Thread.sleep(20);
        assertFalse(frontEnd.ring.hasUsed());
    }

    @Test
    void C19_disconnectInTheMiddleOfEachMessage() throws Exception {
        serve();
        long before = openFds();
        assertServes();
        awaitFds(before, "after the first");
        for (Request each : Request.values()) {
            for (int sent : new int[] {4, 12, 14}) {
                int gone = device.disconnects.get() + 1;
                FrontEnd frontEnd = new FrontEnd(path);
                int code = codeOf(each);
                byte[] start = Arrays.copyOf(new byte[] {(byte) code, 0, 0, 0, 1, 0, 0, 0, 40}, sent);
                frontEnd.socket.send(MemorySegment.ofArray(start), List.of(frontEnd.memory.fd()));
                frontEnd.close();
                await("left", () -> device.disconnects.get() >= gone);
            }
        }
        awaitFds(before, "in the end");
        assertServes();
    }

    private static int codeOf(Request request) {
        int code = 0;
        while (Request.of(code) != request) {
            code++;
        }
        return code;
    }

    @Test
    void C20_secondConnectionIsRefused() {
        VhostServer server = serve();
        FrontEnd frontEnd = started();
        FrontEnd second = connect();
        assertTrue(second.isClosed());
        frontEnd.echo(1);
        assertEquals(1, server.counters().refusedConnections());
    }

    @Test
    void C21_manyConnectionsLeaveTheFirstAlone() {
        serve();
        FrontEnd frontEnd = started();
        for (int i = 0; i < 1000; i++) {
            try (UnixSocket one = UnixSocket.connectStream(path)) {
                assertTrue(one.fd().isOpen());
            } catch (NativeException tooManyWait) {
                frontEnd.echo(i);
            }
        }
        frontEnd.echo(1);
    }

    @Test
    void C22_peerThatIsNotAllowedIsClosedUnread() {
        VhostServer server = serve(device, path, FrontEnd.GUARD_MS, 0, uid + 1);
        FrontEnd frontEnd = connect();
        assertTrue(frontEnd.isClosed());
        assertEquals(0, server.counters().messages());
        assertEquals(1, server.counters().refusedConnections());
    }

    @Test
    void B03_ringThatCannotBeTrustedIsStoppedAndItsOwnerHearsOfIt() {
        VhostServer server = serve();
        FrontEnd frontEnd = started();
        frontEnd.echo(1);
        frontEnd.ring.setAvailableIndex(1000);
        frontEnd.kick.signal();
        assertTrue(frontEnd.error.await(FrontEnd.GUARD_MS));
        assertTrue(frontEnd.ask(3, new byte[0]));
        assertEquals(1, server.counters().stoppedQueues());
        // A queue that is set up anew works again: the device was never spoiled.
        frontEnd.memory.segment().asSlice(0, FrontEnd.DATA).fill((byte) 0);
        frontEnd.startQueue();
        frontEnd.ring.setAvailableIndex(0);
        frontEnd.offer(5);
        frontEnd.kick.signal();
        assertTrue(frontEnd.call.await(FrontEnd.GUARD_MS));
    }

    @Test
    void B28_kicksBeforeTheQueueIsReadyAreIgnored() {
        serve();
        FrontEnd frontEnd = connect();
        frontEnd.negotiate(-1L);
        assertTrue(frontEnd.setMemory());
        assertTrue(frontEnd.ask(12, FrontEnd.words(0), frontEnd.kick.fd()));
        for (int i = 0; i < 10_000; i++) {
            frontEnd.kick.signal();
        }
        frontEnd.startQueue();
        frontEnd.echo(1);
    }

    /** The reset waits for the request, whose answer is shown before; after the reset nothing of the ring is touched. */
    @Test
    void B29_resetWhileARequestIsInTheDevice() throws Exception {
        serve();
        FrontEnd frontEnd = started();
        device.gate = new CountDownLatch(1);
        frontEnd.offer(7);
        frontEnd.kick.signal();
        assertTrue(device.served.await(FrontEnd.GUARD_MS, TimeUnit.MILLISECONDS));
        frontEnd.send(34, FrontEnd.NEED_REPLY, new byte[0]);
        assertFalse(frontEnd.socket.awaitReadable(100), "acknowledged while a request is under way");
        device.gate.countDown();
        assertEquals(0, frontEnd.number());
        assertEquals(1, device.resets.get());
        frontEnd.awaitEcho(7);
        byte[] after = frontEnd.memory.segment().toArray(ValueLayout.JAVA_BYTE);
        frontEnd.offer(8);
        byte[] offered = frontEnd.memory.segment().toArray(ValueLayout.JAVA_BYTE);
        frontEnd.kick.signal();
        for (int i = 0; i < 20; i++) {
            assertTrue(frontEnd.ask(3, new byte[0]));
        }
        assertArrayEquals(offered, frontEnd.memory.segment().toArray(ValueLayout.JAVA_BYTE));
        assertFalse(Arrays.equals(after, offered));
    }

    @Test
    void shouldWakeItsThreadForTheDevice() throws InterruptedException {
        serve();
        FrontEnd frontEnd = started();
        frontEnd.echo(1);
        frontEnd.offer(2); // no kick
        VhostDevice.Waker waker = device.waker;
        assertNotNull(waker);
        waker.wake();
        frontEnd.awaitEcho(2);
        frontEnd.close();
        await("left", () -> device.disconnects.get() == 1);
        waker.wake();
        assertServes();
    }
}
