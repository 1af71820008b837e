package org.pviommu.server.ring;

import static org.junit.jupiter.api.Assertions.fail;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;

/** A running server over {@link TestSessions} on a socket of its own. */
final class RingFixture implements AutoCloseable {
    final TestSessions sessions = new TestSessions();
    final Path path;
    final RingServer server;

    RingFixture(Path directory, UnaryOperator<RingSettings> adjust) {
        path = directory.resolve("ring.sock");
        server = new RingServer(adjust.apply(RingSettings.defaults(path)), sessions);
        server.start();
    }

    RingFixture(Path directory) {
        this(directory, settings -> settings);
    }

    RingTestClient join(int guestId, int slots) {
        return RingTestClient.join(path, guestId, slots);
    }

    RingTestClient connect() {
        return RingTestClient.connect(path);
    }

    void awaitConnections(int expected) {
        await("activeConnections=" + expected, () -> server.stats().activeConnections() == expected);
    }

    /** Waits for what happens on another thread; the deadline is only a hang guard. */
    static void await(String what, BooleanSupplier condition) {
        long deadlineNs = System.nanoTime() + RingTestClient.TIMEOUT_MS * 1_000_000L;
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() - deadlineNs > 0) {
                fail("never happened: " + what);
            }
            LockSupport.parkNanos(200_000);
        }
    }

    static long openDescriptors() {
        try (Stream<Path> fds = Files.list(Path.of("/proc/self/fd"))) {
            return fds.count();
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Both sides run in this process, so nothing may be left of either. */
    static void awaitDescriptors(long expected) {
        await("open descriptors=" + expected + " now=" + openDescriptors(), () -> openDescriptors() <= expected);
    }

    @Override
    public void close() {
        server.close();
    }
}
