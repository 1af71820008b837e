package org.pviommu.server.ring;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Collections;
import java.util.Random;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.pviommu.abi.RingAbi;
import org.pviommu.natives.Errno;
import org.pviommu.natives.EventFd;
import org.pviommu.natives.FileDescriptor;
import org.pviommu.natives.NativeException;
import org.pviommu.natives.Seals;
import org.pviommu.natives.SharedMemory;

/** Whatever an admitted guest sends: it is answered, only its own connection ends, and no descriptor is left open. */
@Timeout(120)
class MalformedMessageTest {
    @TempDir
    Path directory;

    static Stream<Arguments> malformed() {
        return Stream.of(
                Arguments.of(Messages.hello(7, 1), 0, "HELLO twice"),
                Arguments.of(Messages.message(0, 8), 0, "type=0 unknown"),
                Arguments.of(Messages.message(RingAbi.MSG_WELCOME, RingAbi.WELCOME_SIZE), 0, "type=2 unknown"),
                Arguments.of(Messages.message(RingAbi.MSG_REPLY, RingAbi.REPLY_SIZE), 0, "type=5 unknown"),
                Arguments.of(Messages.message(-1, 8), 0, "type=4294967295 unknown"),
                Arguments.of(Messages.message(-1, 8), 1, "type=4294967295 unknown"),
                Arguments.of(Messages.unregister(0, 1).asSlice(0, 7), 0, "packet length=7 min=8"),
                Arguments.of(Messages.unregister(0, 1).asSlice(0, 1), 1, "packet length=1 min=8"),
                Arguments.of(Messages.unregister(0, 1).asSlice(0, 23), 0, "size=24 packet length=23"),
                Arguments.of(withSize(Messages.unregister(0, 1), 0), 0, "size=0 packet length=24"),
                Arguments.of(withSize(Messages.unregister(0, 1), -1), 0, "size=4294967295 packet length=24"),
                Arguments.of(Messages.message(RingAbi.MSG_UNREGISTER_MEMORY, 25), 0, "UNREGISTER_MEMORY size=25"),
                Arguments.of(Messages.message(RingAbi.MSG_REGISTER_MEMORY, 39), 1, "REGISTER_MEMORY size=39"),
                Arguments.of(Messages.message(RingAbi.MSG_REGISTER_MEMORY, 8), 1, "REGISTER_MEMORY size=8"),
                Arguments.of(Messages.message(RingAbi.MSG_REGISTER_MEMORY, 512), 1, "REGISTER_MEMORY size=512"),
                Arguments.of(Messages.register(0, 1, 0), 0, "REGISTER_MEMORY file descriptors=0 expected=1"),
                Arguments.of(Messages.message(RingAbi.MSG_UNREGISTER_MEMORY, 513), 0, "longer than 512 bytes"),
                Arguments.of(Messages.message(RingAbi.MSG_UNREGISTER_MEMORY, 60_000), 1, "longer than 512 bytes"),
                Arguments.of(
                        Messages.with(Messages.register(0, 1, 0), RingAbi.REGISTER_MEMORY_FLAGS_OFFSET, 1),
                        1,
                        "flags=0x1 must be 0"),
                Arguments.of(
                        Messages.with(Messages.register(0, 1, 0), RingAbi.REGISTER_MEMORY_RESERVED_OFFSET, 0x80),
                        1,
                        "reserved=0x80 must be 0"),
                Arguments.of(Messages.message(RingAbi.MSG_GRANT, 47), 0, "GRANT size=47 expected=48"),
                Arguments.of(Messages.message(RingAbi.MSG_GRANT, 49), 0, "GRANT size=49 expected=48"),
                Arguments.of(Messages.message(RingAbi.MSG_GRANT, 8), 0, "GRANT size=8 expected=48"),
                Arguments.of(grant(), 1, "GRANT file descriptors=1 expected=0"),
                Arguments.of(
                        Messages.with(grant(), RingAbi.GRANT_FLAGS_OFFSET, 1 << 31),
                        0,
                        "GRANT flags=0x80000000 must be 0"),
                Arguments.of(Messages.with(grant(), RingAbi.GRANT_RESERVED_OFFSET, 1), 0, "reserved=0x1 must be 0"),
                Arguments.of(Messages.message(RingAbi.MSG_REVOKE, 23), 0, "REVOKE size=23 expected=24"),
                Arguments.of(Messages.message(RingAbi.MSG_REVOKE, 32), 0, "REVOKE size=32 expected=24"),
                Arguments.of(Messages.revoke(8, 0, 0), 1, "REVOKE file descriptors=1 expected=0"),
                Arguments.of(Messages.revoke(8, 0, 3), 0, "REVOKE flags=0x3 known=0x1"),
                Arguments.of(Messages.message(9, 8), 0, "type=9 unknown"));
    }

    private static MemorySegment grant() {
        return Messages.grant(0, 1, 8, 0, RingAbi.GRANT_READ);
    }

    private static MemorySegment withSize(MemorySegment message, int size) {
        return Messages.with(message, RingAbi.MSG_SIZE_OFFSET, size);
    }

    @ParameterizedTest(name = "{2}")
    @MethodSource("malformed")
    void C04_malformedMessageIsAnsweredAndEndsOnlyItsConnection(MemorySegment message, int fds, String text) {
        requireMalformed(message, fds, text);
    }

    @Test
    void C05_descriptorOnAMessageThatTakesNoneIsClosed() {
        requireMalformed(Messages.unregister(0, 1), 1, "UNREGISTER_MEMORY file descriptors=1 expected=0");
    }

    @Test
    void C05_descriptorOnHelloIsClosed() {
        try (RingFixture fixture = new RingFixture(directory);
                EventFd eventFd = EventFd.create()) {
            fixture.join(8, 1).close();
            fixture.awaitConnections(0);
            long before = RingFixture.openDescriptors();
            try (RingTestClient client = fixture.connect()) {
                client.send(Messages.hello(7, 1), eventFd.fd());
                client.receive().requireRefusal(Errno.EINVAL, "HELLO file descriptors=1 expected=0");
                client.requireEnd();
            }
            RingFixture.awaitDescriptors(before);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 8, 32, 253})
    void C06_C07_tooManyDescriptorsAreAllClosed(int fds) {
        requireMalformed(Messages.register(0, 1, 0), fds, "more than 1 file descriptors");
    }

    private void requireMalformed(MemorySegment message, int fds, String text) {
        try (RingFixture fixture = new RingFixture(directory);
                RingTestClient bystander = fixture.join(8, 1);
                EventFd eventFd = EventFd.create()) {
            fixture.join(7, 1).close();
            fixture.awaitConnections(1);
            long before = RingFixture.openDescriptors();
            try (RingTestClient client = RingTestClient.joinWhenFree(fixture.path, 7, 1)) {
                client.send(message, Collections.nCopies(fds, eventFd.fd()).toArray(FileDescriptor[]::new));
                client.receive().requireRefusal(Errno.EINVAL, text);
                client.requireEnd();
                assertTrue(client.slot(0).isServiceGone());
            }
            fixture.awaitConnections(1);
            RingFixture.awaitDescriptors(before);
            assertEquals(1, fixture.server.stats().protocolErrors());
            assertEquals(0, fixture.server.stats().internalErrors());
            assertEquals(3, bystander.slot(0).call(0, 1, 2));
        }
    }

    @Test
    void C19_disconnectAfterPartOfEachMessageLeavesNothing() {
        try (RingFixture fixture = new RingFixture(directory);
                RingTestClient bystander = fixture.join(8, 1);
                SharedMemory memory = SharedMemory.create("test", 4096, Seals.SHRINK)) {
            fixture.join(7, 1).close();
            fixture.awaitConnections(1);
            long before = RingFixture.openDescriptors();
            for (MemorySegment message : new MemorySegment[] {
                Messages.hello(7, 1),
                Messages.register(0, 1, 0),
                Messages.unregister(0, 1),
                grant(),
                Messages.revoke(8, 0, RingAbi.REVOKE_FORCE)
            }) {
                for (int length = 1; length <= message.byteSize(); length++) {
                    sendAndVanish(fixture, message.asSlice(0, length), memory.fd());
                }
            }
            fixture.awaitConnections(1);
            RingFixture.awaitDescriptors(before);
            assertEquals(0, fixture.server.stats().internalErrors());
            assertEquals(3, bystander.slot(0).call(0, 1, 2));
        }
    }

    /** HELLO goes out on a bare connection and WELCOME is never read; the others on one that was admitted. */
    private static void sendAndVanish(RingFixture fixture, MemorySegment part, FileDescriptor memory) {
        boolean isHello = part.get(ValueLayout.JAVA_BYTE, 0) == RingAbi.MSG_HELLO;
        boolean isRegister = part.get(ValueLayout.JAVA_BYTE, 0) == RingAbi.MSG_REGISTER_MEMORY;
        try (RingTestClient client = isHello ? fixture.connect() : RingTestClient.joinWhenFree(fixture.path, 7, 1)) {
            if (isRegister) {
                client.send(part, memory);
            } else {
                client.send(part);
            }
        }
    }

    @Test
    void shouldSurviveRandomPackets() {
        long seed = Long.getLong("seed", System.nanoTime());
        Random random = new Random(seed);
        try (RingFixture fixture = new RingFixture(directory);
                RingTestClient bystander = fixture.join(8, 1);
                EventFd eventFd = EventFd.create()) {
            fixture.join(7, 1).close();
            fixture.awaitConnections(1);
            long before = RingFixture.openDescriptors();
            for (int round = 0; round < 1_000; round++) {
                sendRandom(fixture, random, eventFd.fd());
            }
            fixture.awaitConnections(1);
            RingFixture.awaitDescriptors(before);
            assertEquals(0, fixture.server.stats().internalErrors(), () -> "seed=" + seed);
            assertEquals(3, bystander.slot(0).call(0, 1, 2), () -> "seed=" + seed);
        }
    }

    private static void sendRandom(RingFixture fixture, Random random, FileDescriptor fd) {
        MemorySegment packet = Arena.ofAuto().allocate(1 + random.nextInt(64));
        byte[] bytes = new byte[(int) packet.byteSize()];
        random.nextBytes(bytes);
        packet.copyFrom(MemorySegment.ofArray(bytes));
        if (bytes.length >= 8 && random.nextBoolean()) {
            Messages.with(packet, RingAbi.MSG_TYPE_OFFSET, random.nextInt(9));
            Messages.with(packet, RingAbi.MSG_SIZE_OFFSET, bytes.length);
        }
        boolean admitted = random.nextBoolean();
        try (RingTestClient client =
                admitted ? RingTestClient.joinWhenFree(fixture.path, 7, 1) : RingTestClient.connect(fixture.path)) {
            for (int i = 0; i < 3; i++) {
                client.send(packet, Collections.nCopies(random.nextInt(3), fd).toArray(FileDescriptor[]::new));
            }
        } catch (NativeException e) {
            assertTrue(isClosed(e), e::getMessage);
        }
    }

    @Test
    void shouldDropAGuestThatDoesNotReadItsAnswers() {
        try (RingFixture fixture = new RingFixture(directory);
                RingTestClient client = fixture.join(7, 1)) {
            MemorySegment message = Messages.unregister(5, 1);
            NativeException refused = null;
            for (int i = 0; i < 1_000_000 && refused == null; i++) {
                refused = sendOrError(client, message);
            }
            assertTrue(refused != null && isClosed(refused), () -> "the service never gave up");
            fixture.awaitConnections(0);
            assertEquals(1, fixture.server.stats().protocolErrors());
        }
    }

    private static @Nullable NativeException sendOrError(RingTestClient client, MemorySegment message) {
        try {
            client.send(message);
            return null;
        } catch (NativeException e) {
            // Full in this direction is not the point: the service is still at work.
            return e.errno() == Errno.EAGAIN ? null : e;
        }
    }

    /** Reset rather than broken pipe if the service left something unread. */
    private static boolean isClosed(NativeException e) {
        return e.errno() == Errno.EPIPE || e.errno() == Errno.ECONNRESET;
    }
}
