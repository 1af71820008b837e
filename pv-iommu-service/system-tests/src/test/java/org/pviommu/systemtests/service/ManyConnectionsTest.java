package org.pviommu.systemtests.service;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.pviommu.abi.RingAbi;
import org.pviommu.natives.FileDescriptor;

/** Connections are bounded, and whoever has one is not disturbed by those who want one. */
class ManyConnectionsTest {
    private static final int GUEST = 1;
    private static final int CONNECTIONS = 1_000;
    /** The service's own bound, see RingSettings. */
    private static final int MAX_CONNECTIONS = 128;

    private static final int CONNECTIONS_BETWEEN_CALLS = 25;
    private static final int SLACK = 16;
    private static final int ATTEMPTS_WHEN_FULL = 20;
    private static final int SLOTS = 2;
    private static final int FIRST_HALF_GUEST = 1_000;
    private static final int FIRST_LATE_GUEST = 10_000;
    private static final int GUEST_BEYOND = 60_000;

    @TempDir
    private Path directory;

    @Test
    void shouldBoundConnectionsAndServeExistingGuest() {
        try (ServiceProcess service = ServiceProcess.start(directory)) {
            service.warmUp();
            Map<String, Integer> alone = service.descriptors();
            try (RingGuest guest = new RingGuest(service, GUEST, 0x1000, 64)) {
                Map<String, Integer> before = service.descriptors();
                List<RingClient> silent = new ArrayList<>();
                List<RingClient> others = new ArrayList<>();
                connectAll(service, guest, silent, others);
                Guard.eventually(
                        "who is silent loses the connection",
                        () -> silent.stream().allMatch(RingClient::hasEnded),
                        service::log);

                fillUp(service, others);
                requireFull(service, before);
                guest.roundTrip(0x20, 0x1010, 16);

                silent.forEach(RingClient::close);
                others.forEach(RingClient::close);
                service.awaitDescriptors(before);
                guest.roundTrip(0x20, 0x1010, 16);
                Dom0Guest.requireGoodRun(service, 2, "--memory", "16M", "--load-ops", "20000");
            }
            service.awaitDescriptors(alone);
            service.requireHealthy();
        }
    }

    private static void connectAll(
            ServiceProcess service, RingGuest guest, List<RingClient> silent, List<RingClient> others) {
        Map<String, Integer> before = service.descriptors();
        for (int i = 0; i < CONNECTIONS; i++) {
            RingClient client = RingClient.connect(service.ring());
            (i % 2 == 0 ? silent : others).add(client);
            if (i % 2 != 0) {
                beginHandshake(client, i);
            }
            if (i % CONNECTIONS_BETWEEN_CALLS == 0) {
                guest.roundTrip(0x20, 0x1010, 16);
                requireBound(service, before);
            }
        }
    }

    /** A HELLO whose answer nobody takes, or a piece of one, which is refused. */
    private static void beginHandshake(RingClient client, int number) {
        MemorySegment hello = Messages.hello(FIRST_HALF_GUEST + number, SLOTS);
        client.trySend(number % 4 == 1 ? hello : hello.asSlice(0, 12), List.of());
    }

    /** More guests, as long as they are let in. */
    private static void fillUp(ServiceProcess service, List<RingClient> clients) {
        long deadlineNs = Guard.deadlineNs();
        for (int id = FIRST_LATE_GUEST; service.rest().guests().size() < MAX_CONNECTIONS; id++) {
            RingClient client = RingClient.connect(service.ring());
            clients.add(client);
            client.trySend(Messages.hello(id, SLOTS), List.of());
            RingClient.Answer answer = client.receiveOrEnd();
            if (answer != null) {
                assertEquals(RingAbi.MSG_WELCOME, answer.type());
                answer.fds().forEach(FileDescriptor::close);
            }
            assertFalse(
                    Guard.isOver(deadlineNs), () -> "guests=" + service.rest().guests());
        }
    }

    /** Each further connection is closed without a word. */
    private static void requireFull(ServiceProcess service, Map<String, Integer> before) {
        for (int i = 0; i < ATTEMPTS_WHEN_FULL; i++) {
            try (RingClient client = RingClient.connect(service.ring())) {
                client.trySend(Messages.hello(GUEST_BEYOND, SLOTS), List.of());
                assertNull(client.receiveOrEnd());
            }
        }
        assertEquals(MAX_CONNECTIONS, service.rest().guests().size());
        requireBound(service, before);
    }

    /**
     * Each connection is a thread, a socket and an epoll instance, and a guest has a ring and two eventfds per slot besides.
     * Guests are counted exactly. The others are not: threads that end and sockets that begin are there a moment longer than
     * what they stand for, and /proc is no snapshot.
     */
    private static void requireBound(ServiceProcess service, Map<String, Integer> before) {
        int guests = service.rest().guests().size();
        assertTrue(guests <= MAX_CONNECTIONS, () -> "guests=" + guests);
        long connections = service.connections();
        assertTrue(connections <= MAX_CONNECTIONS + SLACK, () -> "connections=" + connections);
        Map<String, Integer> now = service.descriptors();
        int sockets = now.getOrDefault("socket", 0) - before.getOrDefault("socket", 0);
        assertTrue(sockets <= MAX_CONNECTIONS + SLACK, () -> "sockets=" + sockets);
        int total = sum(now) - sum(before);
        int most = (MAX_CONNECTIONS + SLACK) * (2 + RingAbi.welcomeFds(SLOTS));
        assertTrue(total <= most, () -> "descriptors=" + total + " max=" + most + " " + now);
    }

    private static int sum(Map<String, Integer> descriptors) {
        return descriptors.values().stream().mapToInt(Integer::intValue).sum();
    }
}
