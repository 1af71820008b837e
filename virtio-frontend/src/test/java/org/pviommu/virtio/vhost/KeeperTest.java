package org.pviommu.virtio.vhost;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The keeper as a process, between a front-end and back-ends that come and go. */
class KeeperTest {
    private static final Path BUILT = Path.of("target", "keeper").toAbsolutePath();
    private static final int MORE_THAN_A_QUEUE = 3 * FrontEnd.QUEUE_SIZE + 1;

    private final List<AutoCloseable> open = new ArrayList<>();
    private final EchoDevice device = new EchoDevice();

    @TempDir
    @SuppressWarnings("NullAway.Init") // set before each test
    private Path folder;

    @SuppressWarnings("NullAway.Init") // set before each test
    private Process keeper;

    @BeforeAll
    static void build() throws Exception {
        Process make = new ProcessBuilder("make", "--silent", "-C", "keeper", "OUT=" + BUILT)
                .inheritIO()
                .start();
        assertEquals(0, make.waitFor(), "exit code of make");
    }

    @BeforeEach
    void start() throws Exception {
        keeper = new ProcessBuilder(BUILT.resolve("vhost-keeper").toString(), kept().toString(), path().toString())
                .redirectErrorStream(true)
                .redirectOutput(folder.resolve("log").toFile())
                .start();
        long endNs = System.nanoTime() + FrontEnd.GUARD_MS * 1_000_000L;
        while (!Files.exists(kept())) {
            assertTrue(keeper.isAlive() && System.nanoTime() < endNs, "the keeper does not listen");
            Thread.sleep(1);
        }
    }

    @AfterEach
    void closeAll() throws Exception {
        for (AutoCloseable each : open.reversed()) {
            each.close();
        }
        boolean survived = keeper.isAlive();
        keeper.destroy();
        assertTrue(keeper.waitFor(FrontEnd.GUARD_MS, TimeUnit.MILLISECONDS));
        assertTrue(survived, () -> "the keeper has ended: " + log());
    }

    private String log() {
        try {
            return Files.readString(folder.resolve("log"));
        } catch (IOException unreadable) {
            return unreadable.toString();
        }
    }

    private Path kept() {
        return folder.resolve("kept");
    }

    private Path path() {
        return folder.resolve("device");
    }

    private VhostServer serve(VhostDevice served) throws IOException {
        int uid = (int) Files.getAttribute(folder, "unix:uid");
        VhostLog silent = new VhostLog() {
            @Override
            public void info(String message) {}

            @Override
            public void warning(String message) {}

            @Override
            public void error(String message, Throwable cause) {}
        };
        VhostServer server =
                new VhostServer(served, new VhostSettings(path(), Set.of(uid), Set.of(), FrontEnd.GUARD_MS, 0), silent);
        open.add(server);
        return server;
    }

    private FrontEnd connect() {
        FrontEnd frontEnd = new FrontEnd(kept());
        open.add(frontEnd);
        return frontEnd;
    }

    /** The next one is a device that knows nothing. */
    private EchoDevice replace(VhostServer old) throws IOException {
        old.close();
        EchoDevice next = new EchoDevice();
        serve(next);
        return next;
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void shouldLetTheNextBackEndGoOn(boolean byRegion) throws Exception {
        VhostServer first = serve(device);
        FrontEnd frontEnd = connect();
        frontEnd.negotiate(-1L);
        assertTrue(
                byRegion
                        ? frontEnd.ask(
                                37, FrontEnd.words(0, 0, FrontEnd.MEMORY_BYTES, FrontEnd.USER, 0), frontEnd.memory.fd())
                        : frontEnd.setMemory());
        frontEnd.startQueue();
        for (int i = 0; i < MORE_THAN_A_QUEUE; i++) {
            frontEnd.echo(i);
        }

        EchoDevice second = replace(first);

        for (int i = 0; i < MORE_THAN_A_QUEUE; i++) {
            frontEnd.echo(-i);
        }
        assertEquals(device.acknowledged.get(), second.acknowledged.get());
        assertEquals(1, second.regions);
    }

    @Test
    void shouldLoseNoRequestAndNoKickMeanwhile() throws Exception {
        VhostServer first = serve(device);
        FrontEnd frontEnd = connect();
        frontEnd.start();
        frontEnd.echo(1);
        first.close();
        frontEnd.offer(2);
        frontEnd.kick.signal();
        frontEnd.kick.drain(); // by a back-end that read it and died

        serve(new EchoDevice());

        frontEnd.awaitEcho(2);
    }

    /** The last one may have answered and died before it said so. */
    @Test
    void shouldNotifyTheDriverOfWhatItMayHaveMissed() throws Exception {
        VhostServer first = serve(device);
        FrontEnd frontEnd = connect();
        frontEnd.start();
        frontEnd.echo(1);
        first.close();
        frontEnd.call.drain();

        serve(new EchoDevice());

        assertTrue(frontEnd.call.await(FrontEnd.GUARD_MS), "nobody looks at the ring");
    }

    @Test
    void shouldLetAMessageWaitForTheNextBackEnd() throws Exception {
        VhostServer first = serve(device);
        FrontEnd frontEnd = connect();
        frontEnd.start();
        frontEnd.echo(1);
        first.close();
        frontEnd.send(11, 0, FrontEnd.state(0, 0)); // GET_VRING_BASE

        EchoDevice second = new EchoDevice();
        serve(second);

        assertEquals(1L << 32, frontEnd.number());
        frontEnd.startQueueAt(1);
        frontEnd.echo(2);
        assertEquals(0, second.resets.get());
    }

    @Test
    void shouldForgetAFrontEndThatHasGone() throws Exception {
        serve(device);
        try (FrontEnd frontEnd = new FrontEnd(kept())) {
            frontEnd.start();
            frontEnd.echo(1);
        }

        FrontEnd next = connect();
        next.negotiate(-1L);
        next.offer(2);
        next.kick.signal();

        assertFalse(next.call.await(50), "a queue that nobody has started is served");
        assertTrue(next.setMemory());
        next.startQueue();
        next.awaitEcho(2);
        assertEquals(1, device.disconnects.get());
    }
}
