package org.pviommu.server.ring;

import static org.pviommu.fuzz.Finding.check;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.pviommu.engine.BatchLog;
import org.pviommu.engine.EndpointDescriptor;
import org.pviommu.engine.Engine;
import org.pviommu.engine.FrameRange;
import org.pviommu.engine.GuestPolicy;
import org.pviommu.fuzz.Finding;
import org.pviommu.fuzz.Input;
import org.pviommu.host.SimulatedIommu;
import org.pviommu.natives.EventFd;
import org.pviommu.natives.UnixSocket;
import org.pviommu.server.grants.Grants;

/**
 * One connection as the service serves it, from the first packet to the end, with a peer that does what the input says: packets of
 * any bytes with any descriptors, stores to the ring, calls.
 *
 * <p>Service and peer run in one thread and take turns: the service asks its owner in each round whether it has to stop, and then
 * the peer makes its next step. So each input does the same each time. A peer that has nothing left to do hangs up.
 *
 * <p>Rules: each packet has exactly one answer; the service never calls a mistake its own; when the connection has ended guest,
 * memory and descriptors are gone.
 */
public final class RingTarget implements RingConnection.Owner {
    /** Name on the command line and folder of the corpus. */
    public static final String NAME = "ring";

    /** Configured, and connected by somebody else. */
    static final int BUSY_GUEST = 2;

    private static final int UNKNOWN_GUESTS_FROM = 4;
    private static final Path SOCKET = socketPath();

    private final Input input;
    private final SimulatedIommu iommu =
            new SimulatedIommu(SimulatedIommu.Settings.defaults().withLastBfn(0xffff));
    private final Engine engine = new Engine(iommu, BatchLog.none());
    private final RingCounters counters = new RingCounters();
    private final InternalErrors errors = new InternalErrors();
    private final RingLog log = new RingLog(errors, () -> 0);
    private final EventFd stopSignal = EventFd.create();
    private final RingSettings settings;
    private final GuestPolicy policy;
    private @Nullable RingPeer peer;
    private final boolean stopsAtTheEnd;
    private boolean left;
    private boolean ended;

    private RingTarget(Input input) {
        this.input = input;
        int limits = input.u8();
        this.stopsAtTheEnd = (limits & 16) != 0;
        this.settings = RingSettings.defaults(SOCKET)
                .withGuestLimits(1 + (limits & 3), 1 + (limits >> 2 & 3))
                .withSpinIterations(0);
        this.policy = new GuestPolicy(true, true, 24, 24, 16, 8, 3, List.of(new FrameRange(3, 3)));
    }

    private static Path socketPath() {
        try {
            Path directory = Files.createTempDirectory("pvi-fuzz");
            Path socket = directory.resolve("ring.sock");
            socket.toFile().deleteOnExit();
            return socket;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** What the fuzzer calls. */
    public static void fuzzerTestOneInput(byte[] bytes) {
        Finding.guard(NAME, bytes, () -> {
            Set<String> before = openDescriptors();
            new RingTarget(new Input(bytes)).live();
            Set<String> after = openDescriptors();
            check(after.equals(before), "descriptors before %s, after %s", before, after);
        });
    }

    private void live() {
        engine.addGuest(BUSY_GUEST, policy, List.of());
        try (UnixSocket listener = UnixSocket.listen(SOCKET, 1);
                RingPeer connected = new RingPeer(UnixSocket.connect(SOCKET), input, engine)) {
            peer = connected;
            UnixSocket served = Objects.requireNonNull(listener.accept(), "nobody connected");
            new RingConnection(this, served, served.peer()).run();
            connected.connectionEnded();
        }
        errors.check();
        check(counters.internalErrors.sum() == 0, "internalErrors=%d", counters.internalErrors.sum());
        check(ended, "the connection did not say that it ended");
        removeKept();
        check(engine.guests().size() == 1, "guests left: %s", engine.guests());
        check(iommu.statistics().addressSpaces() == 1, "%s", iommu.statistics());
        engine.close();
        stopSignal.close();
    }

    /** A service that stops leaves the guest that is connected to the engine, which the end of the engine removes. */
    private void removeKept() {
        if (stopsAtTheEnd) {
            engine.guests().stream()
                    .filter(guest -> guest.id() != BUSY_GUEST && guest.isAlive())
                    .forEach(engine::removeGuest);
        }
    }

    private static Set<String> openDescriptors() {
        try (Stream<Path> fds = Files.list(Path.of("/proc/self/fd"))) {
            return Set.copyOf(fds.map(Path::toString).toList());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public RingSettings settings() {
        return settings;
    }

    @Override
    public GuestSessions sessions() {
        return new EngineSessions(
                engine,
                guestId -> guestId > 0 && guestId < UNKNOWN_GUESTS_FROM ? policy : null,
                guestId -> List.of(new EndpointDescriptor(guestId, List.of())),
                new Grants(engine, (granteeId, ownerId) -> true),
                null);
    }

    @Override
    public RingCounters counters() {
        return counters;
    }

    @Override
    public RingLog log() {
        return log;
    }

    /** The peer's turn. When it has hung up, the service stops or, in other inputs, has to find out by itself. */
    @Override
    public boolean stopping() {
        if (!left) {
            left = !Objects.requireNonNull(peer).step();
        }
        return left && stopsAtTheEnd;
    }

    @Override
    public EventFd stopSignal() {
        return stopSignal;
    }

    @Override
    public void finished(RingConnection connection) {
        ended = true;
    }

    /** Keeps what the service logs as its own mistake, and forgets the rest. */
    private static final class InternalErrors implements System.Logger {
        private @Nullable Throwable first;

        void check() {
            if (first != null) {
                throw new IllegalStateException("the service calls it a mistake of its own: " + first, first);
            }
        }

        @Override
        public String getName() {
            return "fuzz";
        }

        @Override
        public boolean isLoggable(Level level) {
            return true;
        }

        @Override
        public void log(
                Level level, java.util.@Nullable ResourceBundle bundle, String text, @Nullable Throwable cause) {
            if (level == Level.ERROR && first == null) {
                first = cause == null ? new IllegalStateException(text) : cause;
            }
        }

        @Override
        public void log(Level level, java.util.@Nullable ResourceBundle bundle, String format, Object... arguments) {
            log(level, bundle, format, (Throwable) null);
        }
    }
}
