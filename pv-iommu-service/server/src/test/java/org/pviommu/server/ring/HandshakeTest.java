package org.pviommu.server.ring;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.pviommu.abi.RingAbi;
import org.pviommu.natives.Errno;
import org.pviommu.natives.FileDescriptor;
import org.pviommu.natives.NativeException;
import org.pviommu.natives.Natives;
import org.pviommu.natives.Seals;

@Timeout(120)
class HandshakeTest {
    @TempDir
    Path directory;

    @Test
    void shouldWelcomeAGuestWithRingAndDoorbells() {
        try (RingFixture fixture = new RingFixture(directory, settings -> settings.withSpinIterations(77));
                RingTestClient client = fixture.connect()) {
            client.send(Messages.hello(7, 3));
            RingTestClient.Answer welcome = client.receive();
            MemorySegment bytes = welcome.bytes();
            assertEquals(RingAbi.MSG_WELCOME, welcome.type());
            assertEquals(RingAbi.WELCOME_SIZE, bytes.byteSize());
            assertEquals(RingAbi.WELCOME_SIZE, bytes.get(Messages.U32, RingAbi.MSG_SIZE_OFFSET));
            assertEquals(RingAbi.MAGIC, bytes.get(Messages.U32, RingAbi.WELCOME_MAGIC_OFFSET));
            assertEquals(RingAbi.VERSION, bytes.get(Messages.U16, RingAbi.WELCOME_VERSION_OFFSET));
            assertEquals(RingAbi.SLOT_BYTES, bytes.get(Messages.U16, RingAbi.WELCOME_SLOT_BYTES_OFFSET));
            assertEquals(7, bytes.get(Messages.U32, RingAbi.WELCOME_GUEST_ID_OFFSET));
            assertEquals(3, bytes.get(Messages.U32, RingAbi.WELCOME_NR_SLOTS_OFFSET));
            assertEquals(RingAbi.ringBytes(3), bytes.get(Messages.U64, RingAbi.WELCOME_RING_BYTES_OFFSET));
            assertEquals(77, bytes.get(Messages.U32, RingAbi.WELCOME_SPIN_ITERATIONS_OFFSET));
            assertEquals(0, bytes.get(Messages.U32, RingAbi.WELCOME_RESERVED_OFFSET));
            assertEquals(7, welcome.fds().size());
            welcome.fds().forEach(FileDescriptor::close);
        }
    }

    @Test
    void shouldSealTheRingSoThatTheGuestCannotShrinkIt() {
        try (RingFixture fixture = new RingFixture(directory);
                RingTestClient client = fixture.join(7, 1)) {
            FileDescriptor ring = client.slot(0).ring().fd();
            assertEquals(Seals.SHRINK | Seals.GROW | Seals.SEAL, ring.seals());
            assertThrows(NativeException.class, () -> ring.addSeals(Seals.WRITE));
        }
    }

    @Test
    void shouldGrantNoMoreSlotsThanTheSettingsAllow() {
        try (RingFixture fixture = new RingFixture(directory, settings -> settings.withGuestLimits(2, 8));
                RingTestClient client = fixture.join(7, 64)) {
            assertEquals(2, client.slotCount());
            assertEquals(30, client.slot(1).call(0, 10, 20));
        }
    }

    static Stream<Arguments> badHellos() {
        int unsigned = (int) 4_000_000_000L;
        return Stream.of(
                Arguments.of(
                        Messages.with(
                                Messages.with(Messages.hello(7, 1), RingAbi.HELLO_VERSION_MIN_OFFSET, (short) 3),
                                RingAbi.HELLO_VERSION_MAX_OFFSET,
                                (short) 5),
                        "version_min=3 version_max=5 supported=1..1"),
                Arguments.of(
                        Messages.with(
                                Messages.with(Messages.hello(7, 1), RingAbi.HELLO_VERSION_MIN_OFFSET, (short) 0),
                                RingAbi.HELLO_VERSION_MAX_OFFSET,
                                (short) 0),
                        "version_min=0 version_max=0 supported=1..1"),
                Arguments.of(
                        Messages.with(Messages.hello(7, 1), RingAbi.HELLO_VERSION_MIN_OFFSET, (short) -1),
                        "version_min=65535"),
                Arguments.of(Messages.with(Messages.hello(7, 1), RingAbi.HELLO_MAGIC_OFFSET, 5), "magic=0x5"),
                Arguments.of(Messages.hello(7, 0), "nr_slots=0 min=1 max=64"),
                Arguments.of(Messages.hello(7, 65), "nr_slots=65 min=1 max=64"),
                Arguments.of(Messages.hello(7, unsigned), "nr_slots=4000000000"),
                Arguments.of(Messages.with(Messages.hello(7, 1), RingAbi.HELLO_FLAGS_OFFSET, 3), "flags=0x3 known=0x1"),
                Arguments.of(
                        Messages.with(Messages.hello(7, 1), RingAbi.HELLO_RESERVED_OFFSET, -1), "reserved=0xffffffff"),
                Arguments.of(Messages.register(0, 1, 0), "type=3 before HELLO"),
                Arguments.of(Messages.unregister(0, 1), "type=4 before HELLO"),
                Arguments.of(Messages.message(unsigned, 8), "type=4000000000 before HELLO"));
    }

    @ParameterizedTest(name = "{1}")
    @MethodSource("badHellos")
    void C03_badHelloIsAnsweredAndTheConnectionClosed(MemorySegment message, String text) {
        try (RingFixture fixture = new RingFixture(directory);
                RingTestClient client = fixture.connect()) {
            client.send(message);
            RingTestClient.Answer answer = client.receive();
            answer.requireRefusal(Errno.EINVAL, text);
            assertEquals(message.get(Messages.U32, RingAbi.MSG_TYPE_OFFSET), answer.request());
            client.requireEnd();
            fixture.awaitConnections(0);
            assertEquals(1, fixture.server.stats().refusedHandshakes());
            assertTrue(fixture.sessions.open.isEmpty());
        }
    }

    @Test
    void C20_guestIdInUseIsRefusedUntilItsOwnerLeaves() {
        try (RingFixture fixture = new RingFixture(directory)) {
            RingTestClient first = fixture.join(7, 1);
            try (RingTestClient second = fixture.connect()) {
                second.send(Messages.hello(7, 1));
                second.receive().requireRefusal(Errno.EBUSY, "guest_id=7");
                second.requireEnd();
            }
            assertEquals(3, first.slot(0).call(0, 1, 2), "the owner is not disturbed");
            first.close();
            try (RingTestClient third = RingTestClient.joinWhenFree(fixture.path, 7, 1)) {
                assertEquals(3, third.slot(0).call(0, 1, 2));
            }
        }
    }

    @Test
    void shouldRefuseAGuestThatIsNotKnown() {
        try (RingFixture fixture = new RingFixture(directory);
                RingTestClient client = fixture.connect()) {
            client.send(Messages.hello(-1, 1));
            client.receive().requireRefusal(Errno.EPERM, "guest_id=4294967295");
            client.requireEnd();
        }
    }

    @Test
    void C02_silenceEndsAtTheDeadlineAndDisturbsNobody() {
        try (RingFixture fixture = new RingFixture(directory, settings -> settings.withTimeouts(200, 5_000));
                RingTestClient good = fixture.join(7, 1);
                RingTestClient silent = fixture.connect()) {
            assertEquals(3, good.slot(0).call(0, 1, 2));
            silent.requireEnd();
            assertEquals(1, fixture.server.stats().refusedHandshakes());
            assertEquals(7, good.slot(0).call(0, 3, 4), "a guest that said HELLO has no deadline");
        }
    }

    @Test
    void C22_peerOfAnotherUserIsClosedBeforeItsFirstByteIsRead() {
        Set<Integer> others = Set.of(Natives.uid() + 1);
        try (RingFixture fixture = new RingFixture(directory, settings -> settings.withPeers(others, Set.of()));
                RingTestClient client = fixture.connect()) {
            client.requireEnd();
            assertEquals(1, fixture.server.stats().refusedCredentials());
            assertEquals(0, fixture.server.stats().accepted());
        }
    }

    @Test
    void C22_allowedGroupIsEnough() {
        Set<Integer> mine = Set.of(Natives.gid());
        try (RingFixture fixture = new RingFixture(directory, settings -> settings.withPeers(Set.of(), mine));
                RingTestClient client = fixture.join(7, 1)) {
            assertEquals(3, client.slot(0).call(0, 1, 2));
        }
    }

    @Test
    void shouldKeepStrangersFromTheSocketFileAndRemoveIt() throws Exception {
        RingFixture fixture = new RingFixture(directory);
        assertEquals("rw-rw----", PosixFilePermissions.toString(Files.getPosixFilePermissions(fixture.path)));
        fixture.close();
        assertFalse(Files.exists(fixture.path));
    }

    @Test
    void shouldNotStartWhereAnotherServiceListens() {
        try (RingFixture fixture = new RingFixture(directory);
                RingServer second = new RingServer(RingSettings.defaults(fixture.path), fixture.sessions)) {
            assertThrows(NativeException.class, second::start);
            try (RingTestClient client = fixture.join(7, 1)) {
                assertEquals(3, client.slot(0).call(0, 1, 2), "the first one still listens");
            }
        }
    }
}
