package org.pviommu.virtio.vhost;

import java.io.IOException;
import java.nio.file.Files;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.pviommu.engine.GuestFaultException;
import org.pviommu.natives.EventFd;
import org.pviommu.natives.NativeException;
import org.pviommu.natives.Poller;
import org.pviommu.natives.UnixSocket;
import org.pviommu.natives.UnixSocket.PeerCredentials;
import org.pviommu.virtio.queue.SplitQueue;

/**
 * Serves one device on one socket, to one front-end at a time, on a thread of its own. After a front-end has gone the next may
 * come. A process has as many of these as it has devices; they share nothing.
 */
public final class VhostServer implements AutoCloseable {
    private static final int LISTEN = 0;
    private static final int STOP = 1;
    private static final int WAKE = 2;
    private static final int SOCKET = 3;
    private static final int FIRST_KICK = 4;
    private static final int MAX_QUEUES = 256;
    private static final int BACKLOG = 16;
    private static final int EVENTS = 64;
    private static final int STOP_TIMEOUT_MS = 10_000;
    private static final int RETRY_MS = 100;
    /**
     * The longest sleep. The JVM delivers the error of an access to memory that was cut short (catalogue C10) with a delay; one
     * that it still owes when the thread goes to sleep comes at the next waking, which must not be for ever away.
     */
    private static final int SLEEP_MS = 500;

    /** While polling, messages are looked for once in so many looks at the queues. */
    private static final int LOOKS_PER_POLL = 64;

    private final VhostDevice device;
    private final VhostSettings settings;
    private final VhostLog log;
    private final VhostCounters counters = new VhostCounters();
    private final UnixSocket listener;
    private final EventFd stop = EventFd.create();
    private final EventFd wake = EventFd.create();
    /** Waits for a front-end while there is none. */
    private final Poller idle = new Poller(2);

    private final AtomicBoolean configChanged = new AtomicBoolean();
    private final Thread thread;
    private volatile boolean stopping;

    /**
     * Listens, and serves from then on.
     *
     * @throws IllegalArgumentException when the device has no queues or too many, or the path cannot be
     * @throws NativeException when somebody listens on the path
     */
    public VhostServer(VhostDevice device, VhostSettings settings, VhostLog log) {
        if (device.queues() < 1 || device.queues() > MAX_QUEUES) {
            throw new IllegalArgumentException("queues=" + device.queues() + " min=1 max=" + MAX_QUEUES);
        }
        this.device = device;
        this.settings = settings;
        this.log = new LimitedLog(log, System::nanoTime);
        try {
            listener = UnixSocket.listenStream(settings.path(), BACKLOG);
        } catch (RuntimeException e) {
            idle.close();
            stop.close();
            wake.close();
            throw e;
        }
        idle.add(listener.fd(), LISTEN);
        idle.add(stop.fd(), STOP);
        thread = Thread.ofPlatform()
                .name("vhost-" + settings.path().getFileName())
                .daemon(true)
                .start(this::run);
    }

    /** What has happened so far. */
    public VhostCounters counters() {
        return counters;
    }

    /** Nothing that goes wrong with a front-end may leave the socket deaf. */
    private void run() {
        while (!stopping) {
            try {
                idle.await(-1);
                serveNext();
            } catch (RuntimeException | Error e) {
                counters.internalErrors.increment();
                log.error("vhost: " + settings.path() + ", trying again", e);
                stop.await(RETRY_MS);
            }
        }
    }

    private void serveNext() {
        UnixSocket connection = listener.accept();
        if (connection == null) {
            return;
        }
        if (isAllowed(connection)) {
            counters.connections.increment();
            serve(connection);
        } else {
            connection.close();
        }
    }

    /** Catalogue C22: before the first byte is read. */
    private boolean isAllowed(UnixSocket connection) {
        PeerCredentials peer = connection.peer();
        boolean allowed = settings.allowedUids().contains(peer.uid())
                || settings.allowedGids().contains(peer.gid());
        if (!allowed) {
            counters.refusedConnections.increment();
            log.warning("vhost: " + settings.path() + " refused uid=" + peer.uid() + " gid=" + peer.gid() + " pid="
                    + peer.pid());
        }
        return allowed;
    }

    /** Whatever goes wrong ends this connection and nothing else. */
    private void serve(UnixSocket connection) {
        try (MessageChannel channel = new MessageChannel(connection);
                Poller poller = new Poller(EVENTS);
                VhostSession session = new VhostSession(device, channel, poller, FIRST_KICK)) {
            poller.add(channel.fd(), SOCKET);
            poller.add(listener.fd(), LISTEN);
            poller.add(stop.fd(), STOP);
            poller.add(wake.fd(), WAKE);
            device.connected(new WakeThread());
            log.info("vhost: " + settings.path() + " connected");
            new Loop(channel, poller, session).run();
            log.info("vhost: " + settings.path() + (stopping ? " disconnected: the service stops" : " left"));
        } catch (ProtocolException e) {
            counters.protocolErrors.increment();
            log.warning("vhost: " + settings.path() + " closed: " + e.getMessage());
        } catch (InternalError | GuestFaultException e) {
            // Memory that the peer has cut short behind our mapping (catalogue C10): its fault, and its connection's
            // end.
            counters.protocolErrors.increment();
            log.warning("vhost: " + settings.path() + " closed: guest memory is gone: " + e.getMessage());
        } catch (RuntimeException | Error e) {
            counters.internalErrors.increment();
            log.error("vhost: " + settings.path() + ", closed because of a mistake of this service", e);
        }
    }

    /** Stops serving and removes the socket's file. Waits for the request under way, but not without end. */
    @Override
    public void close() {
        if (stopping) {
            return;
        }
        stopping = true; // before the signal, so that the thread sees it
        stop.signal();
        try {
            thread.join(STOP_TIMEOUT_MS);
            Files.deleteIfExists(settings.path());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (IOException e) {
            log.warning("vhost: " + settings.path() + " stays: " + e.getMessage());
        }
        idle.close();
        listener.close();
        if (thread.isAlive()) {
            log.warning("vhost: " + settings.path() + " still busy after timeoutMs=" + STOP_TIMEOUT_MS);
        } else {
            stop.close();
        }
    }

    private final class WakeThread implements VhostDevice.Waker {
        @Override
        public void wake() {
            wake.signal();
        }

        @Override
        public void configChanged() {
            configChanged.set(true);
            wake.signal();
        }
    }

    /** The life of a connection after it was let in. */
    private final class Loop {
        private final MessageChannel channel;
        private final Poller poller;
        private final VhostSession session;
        private long messageBeganNs;
        private int rounds;

        Loop(MessageChannel channel, Poller poller, VhostSession session) {
            this.channel = channel;
            this.poller = poller;
            this.session = session;
        }

        void run() {
            while (!stopping && !channel.ended()) {
                pollQueues();
                // Once more: the last message may have opened a queue in which a request waits whose kick is spent.
                if (!serveQueues() && !enableNotifications()) {
                    await(channel.midMessage() ? Math.min(settings.messageTimeoutMs(), SLEEP_MS) : SLEEP_MS);
                } else if (++rounds % LOOKS_PER_POLL == 0) {
                    await(0); // Messages are heard, however fast a guest refills its queues.
                }
                requireMessageInTime();
            }
        }

        /** Looks at the queues until nothing has come for as long as the settings say; messages come in between. */
        private void pollQueues() {
            long idleSinceNs = System.nanoTime();
            int looks = 0;
            boolean suppressed = false;
            do {
                if (serveQueues()) {
                    idleSinceNs = System.nanoTime();
                } else if (!suppressed && settings.pollNs() > 0) {
                    forEachOpen(SplitQueue::suppressNotifications);
                    suppressed = true;
                }
                if (++looks % LOOKS_PER_POLL == 0) {
                    await(0);
                    requireMessageInTime();
                    suppressed = false; // A message may have opened a queue.
                }
                Thread.onSpinWait();
            } while (!stopping && !channel.ended() && System.nanoTime() - idleSinceNs < settings.pollNs());
        }

        /** Whether a queue had something to do. */
        private boolean serveQueues() {
            boolean busy = false;
            for (Vring vring : session.vrings()) {
                note(session.openReady(vring));
                SplitQueue queue = vring.queue();
                // A ring that has gone is a reason to serve, too: it is closed there, and may come back.
                if (queue != null && (queue.hasRequests() || queue.breakage() != null)) {
                    int before = queue.nextAvailable();
                    note(vring.serve(device));
                    busy |= queue.nextAvailable() != before;
                }
            }
            return busy;
        }

        /** Whether something has come meanwhile, so that there is no sleeping. */
        private boolean enableNotifications() {
            boolean pending = false;
            for (Vring vring : session.vrings()) {
                SplitQueue queue = vring.queue();
                if (queue != null) {
                    // What a device leaves in its queue, as an event queue's buffers, is no reason to stay awake.
                    int unserved = queue.nextAvailable();
                    pending |= queue.enableNotifications() && isServed(vring, unserved);
                }
            }
            return pending;
        }

        private boolean isServed(Vring vring, int unserved) {
            note(vring.serve(device));
            SplitQueue queue = vring.queue();
            return queue != null && queue.nextAvailable() != unserved;
        }

        private void forEachOpen(Consumer<SplitQueue> action) {
            for (Vring vring : session.vrings()) {
                SplitQueue queue = vring.queue();
                if (queue != null) {
                    action.accept(queue);
                }
            }
        }

        private void await(int timeoutMs) {
            int ready = poller.await(timeoutMs);
            boolean peerIsGone = false;
            for (int i = 0; i < ready; i++) {
                peerIsGone |= poller.token(i) == SOCKET && poller.hangUp(i);
            }
            for (int i = 0; i < ready && !stopping; i++) {
                int token = poller.token(i);
                switch (token) {
                    case STOP -> {} // the caller looks
                    case LISTEN -> refuseSecond(peerIsGone);
                    case WAKE -> wakeUp();
                    case SOCKET -> handleMessage();
                    default -> drainKick(token - FIRST_KICK);
                }
            }
        }

        /** Catalogue C20: one front-end for a device. One that reconnects waits until its last connection has ended here. */
        private void refuseSecond(boolean peerIsGone) {
            UnixSocket second = peerIsGone ? null : listener.accept();
            if (second != null) {
                second.close();
                counters.refusedConnections.increment();
                log.warning("vhost: " + settings.path() + " refused a second connection");
            }
        }

        private void wakeUp() {
            wake.drain();
            if (configChanged.getAndSet(false)) {
                session.sendConfigChanged();
            }
            for (Vring vring : session.vrings()) {
                note(vring.serve(device));
            }
        }

        /** One at a time: what it changes takes effect before the next is looked at. */
        private void handleMessage() {
            boolean began = channel.midMessage();
            try (Message message = channel.receive()) {
                if (message != null) {
                    counters.messages.increment();
                    String refusal = session.handle(message);
                    if (refusal != null) {
                        counters.refusedMessages.increment();
                        log.warning("vhost: " + settings.path() + " refused: " + refusal);
                    }
                } else if (!began && channel.midMessage()) {
                    messageBeganNs = System.nanoTime();
                }
            }
        }

        /** Catalogue C02. */
        private void requireMessageInTime() {
            long limitNs = TimeUnit.MILLISECONDS.toNanos(settings.messageTimeoutMs());
            if (channel.midMessage() && System.nanoTime() - messageBeganNs > limitNs) {
                throw new ProtocolException(
                        "a message was not complete after timeoutMs=" + settings.messageTimeoutMs());
            }
        }

        private void drainKick(int index) {
            EventFd kick = session.vrings()[index].kick();
            if (kick != null) { // A message handled just before may have taken it away.
                kick.drain();
            }
        }

        private void note(@Nullable String trouble) {
            if (trouble != null) {
                counters.stoppedQueues.increment();
                log.warning("vhost: " + settings.path() + " " + trouble);
            }
        }
    }
}
