package org.pviommu.server.ring;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.function.IntFunction;
import org.jspecify.annotations.Nullable;
import org.pviommu.engine.EndpointDescriptor;
import org.pviommu.engine.Engine;
import org.pviommu.engine.GuestPolicy;
import org.pviommu.journal.Recovery;
import org.pviommu.natives.EventFd;
import org.pviommu.natives.NativeException;
import org.pviommu.natives.Poller;
import org.pviommu.natives.UnixSocket;
import org.pviommu.natives.UnixSocket.PeerCredentials;
import org.pviommu.server.grants.Grants;

/**
 * Serves guests on a Unix socket. Construct, {@link #start}, {@link #close}; each once, from the wiring's thread.
 * {@link #stats} may be called by any thread at any time.
 */
public final class RingServer implements AutoCloseable {
    private static final int BACKLOG = 128;
    /** After accept(2) failed for want of descriptors: the connection is still pending, and asking at once is a busy loop. */
    private static final long ACCEPT_RETRY_MS = 50;
    /** How often connections are supervised, while there are any; a signal that takes longer is taken for a stuck one. */
    private static final int SUPERVISE_MS = 1_000;
    /** The same while the service stops: still half a million times what a signal takes. */
    private static final int SUPERVISE_STOPPING_MS = 200;

    private final RingSettings settings;
    private final RingCounters counters = new RingCounters();
    private final RingLog log = new RingLog();
    private final Shared shared;
    private final Map<RingConnection, Thread> connections = new ConcurrentHashMap<>();

    /** Used by the acceptor, and after it has ended by whoever closes. */
    private long supervisedNs = System.nanoTime();

    private volatile boolean stopping;
    private @Nullable Listener listener;

    /**
     * Serves guests of the engine.
     *
     * @param settings where to listen, and limits
     * @param engine gets a guest for each connection, and loses it when the connection ends; stays the caller's, who
     *     closes this server first
     * @param policies what the guest of a number may do, or null if there is no such guest; called by any thread
     * @param endpoints the devices of a guest that has a policy; called by any thread
     * @param grants what guests may give each other
     * @param recovery the guests of before the service's start, which may come back; null for none
     */
    public RingServer(
            RingSettings settings,
            Engine engine,
            IntFunction<? extends @Nullable GuestPolicy> policies,
            IntFunction<List<EndpointDescriptor>> endpoints,
            Grants grants,
            @Nullable Recovery recovery) {
        this(settings, new EngineSessions(engine, policies, endpoints, grants, recovery));
    }

    /** The transport over any source of guests. */
    RingServer(RingSettings settings, GuestSessions sessions) {
        this.settings = settings;
        this.shared = new Shared(sessions, EventFd.create());
    }

    /**
     * Listens on the socket file and begins to accept.
     *
     * @throws NativeException if the socket cannot be made, for instance because another process listens there
     */
    public synchronized void start() {
        if (listener != null || stopping) {
            throw new IllegalStateException("start is called once, before close");
        }
        UnixSocket socket = UnixSocket.listen(settings.path(), BACKLOG);
        try {
            // Catalogue 6.3. Who may connect is decided by credentials; the mode keeps strangers from even trying.
            Files.setPosixFilePermissions(settings.path(), PosixFilePermissions.fromString("rw-rw----"));
            listener = new Listener(socket);
        } catch (IOException e) {
            socket.close();
            throw new UncheckedIOException("socket path=" + settings.path(), e);
        } catch (RuntimeException e) {
            socket.close();
            throw e;
        }
        listener.thread.start();
        log.info("ring: listening on " + settings.path());
    }

    /** What was counted so far. */
    public RingStats stats() {
        return counters.snapshot(connections.size());
    }

    /**
     * Stops: no more connections; every connection finishes the call under way, tells its callers that the service is
     * gone, removes its guest and closes. Waits for that, but no longer than the settings say.
     */
    @Override
    public synchronized void close() {
        if (stopping) {
            return;
        }
        stopping = true; // Before the signal, so that whoever it wakes sees it.
        shared.stopSignal().signal();
        if (listener != null) {
            listener.close();
        }
        if (joinConnections()) {
            shared.stopSignal().close();
        } else {
            // Left open with what the threads hold: a thread that comes back must find its things where they were.
            log.warning("ring: connections=" + connections.size() + " still busy after stopTimeoutMs="
                    + settings.stopTimeoutMs());
        }
        log.info("ring: stopped, " + stats());
    }

    private boolean joinConnections() {
        long deadlineNs = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(settings.stopTimeoutMs());
        Thread caller = Thread.currentThread();
        while (!connections.isEmpty() && !caller.isInterrupted() && System.nanoTime() - deadlineNs < 0) {
            // One at a time, and not for long: the others end meanwhile, and stuck ones have to be freed.
            connections.values().stream().findAny().ifPresent(thread -> join(thread, SUPERVISE_STOPPING_MS));
            superviseWhenDue(SUPERVISE_STOPPING_MS);
        }
        return connections.isEmpty();
    }

    private static void join(Thread thread, long timeoutMs) {
        try {
            thread.join(timeoutMs);
        } catch (InterruptedException e) {
            // The caller wants out: nobody is waited for any more.
            Thread.currentThread().interrupt();
        }
    }

    /** Not at every wake-up: two looks in quick succession would take an ordinary signal for a stuck one. */
    private void superviseWhenDue(long intervalMs) {
        long nowNs = System.nanoTime();
        if (nowNs - supervisedNs >= TimeUnit.MILLISECONDS.toNanos(intervalMs)) {
            supervisedNs = nowNs;
            connections.keySet().forEach(RingConnection::freeStuckSignal);
        }
    }

    /** The listening socket, and the thread that accepts and supervises. */
    private final class Listener implements Runnable {
        private static final int LISTEN_TOKEN = 0;
        private static final int STOP_TOKEN = 1;

        private final UnixSocket socket;
        private final Poller poller = new Poller(2);
        private final Thread thread =
                Thread.ofPlatform().name("ring-acceptor").daemon(true).unstarted(this);

        Listener(UnixSocket socket) {
            this.socket = socket;
            poller.add(socket.fd(), LISTEN_TOKEN);
            poller.add(shared.stopSignal().fd(), STOP_TOKEN);
        }

        /** Nothing that goes wrong here may leave the service deaf: whatever it is, it is logged and tried again. */
        @Override
        public void run() {
            while (!stopping) {
                try {
                    poller.await(connections.isEmpty() ? -1 : SUPERVISE_MS);
                    superviseWhenDue(SUPERVISE_MS);
                    acceptOne();
                } catch (Throwable e) {
                    log.error("ring: accept failed, trying again", e);
                    pause();
                }
            }
        }

        /** One at a time: the poller reports the next one at once, and whoever connects without end delays nothing else. */
        private void acceptOne() {
            UnixSocket connection = socket.accept();
            if (connection != null) {
                admit(connection);
            }
        }

        private void pause() {
            try {
                Thread.sleep(ACCEPT_RETRY_MS);
            } catch (InterruptedException e) {
                // Nobody interrupts this thread; if somebody does, it only tries again sooner.
                log.warning("ring: acceptor interrupted");
            }
        }

        /** The file goes while the socket still listens: nobody else can have taken the path, so it is ours to remove. */
        void close() {
            join(thread, settings.stopTimeoutMs());
            try {
                Files.deleteIfExists(settings.path());
            } catch (IOException e) {
                log.warning("ring: socket file stays: " + e.getMessage());
            }
            poller.close();
            socket.close();
        }
    }

    /** Catalogue C21, C22: who and how many is decided before a byte is read or anything is allocated for the peer. */
    private void admit(UnixSocket socket) {
        try {
            PeerCredentials peer = socket.peer();
            if (!isAllowed(peer)) {
                counters.refusedCredentials.increment();
                log.warning("ring: refused uid=" + peer.uid() + " gid=" + peer.gid() + " pid=" + peer.pid()
                        + ": allowed uids=" + settings.allowedUids() + " gids=" + settings.allowedGids());
                socket.close();
            } else if (connections.size() >= settings.maxConnections()) {
                counters.refusedLimit.increment();
                log.warning("ring: refused uid=" + peer.uid() + " pid=" + peer.pid() + ": connections="
                        + connections.size() + " max=" + settings.maxConnections());
                socket.close();
            } else {
                serve(socket, peer);
            }
        } catch (RuntimeException e) {
            socket.close();
            throw e;
        }
    }

    private boolean isAllowed(PeerCredentials peer) {
        return settings.allowedUids().contains(peer.uid())
                || settings.allowedGids().contains(peer.gid());
    }

    private void serve(UnixSocket socket, PeerCredentials peer) {
        RingConnection connection = new RingConnection(shared, socket, peer);
        Thread thread = Thread.ofPlatform().name("ring-handshake").daemon(true).unstarted(connection);
        connections.put(connection, thread); // Before it starts, because it removes itself.
        try {
            thread.start();
            counters.accepted.increment();
        } catch (OutOfMemoryError e) {
            // The system's limit on threads. The others go on.
            counters.refusedLimit.increment();
            connections.remove(connection);
            socket.close();
            log.error("ring: refused pid=" + peer.pid() + ": no thread for it", e);
        }
    }

    /** The view that connections have of this server. */
    private final class Shared implements RingConnection.Owner {
        private final GuestSessions sessions;
        private final EventFd stopSignal;

        Shared(GuestSessions sessions, EventFd stopSignal) {
            this.sessions = sessions;
            this.stopSignal = stopSignal;
        }

        @Override
        public RingSettings settings() {
            return settings;
        }

        @Override
        public GuestSessions sessions() {
            return sessions;
        }

        @Override
        public RingCounters counters() {
            return counters;
        }

        @Override
        public RingLog log() {
            return log;
        }

        @Override
        public boolean stopping() {
            return stopping;
        }

        @Override
        public EventFd stopSignal() {
            return stopSignal;
        }

        @Override
        public void finished(RingConnection connection) {
            connections.remove(connection);
        }
    }
}
