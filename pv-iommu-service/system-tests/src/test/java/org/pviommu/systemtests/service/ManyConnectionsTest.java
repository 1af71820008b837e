package org.pviommu.systemtests.service;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.pviommu.abi.RingAbi;

/** Connections are bounded, and whoever has one is not disturbed by those who want one. */
class ManyConnectionsTest {
    private static final int GUEST = 1;
    private static final int CONNECTIONS = 1_000;
    /** The service's own bound, see RingSettings. */
    private static final int MAX_CONNECTIONS = 128;

    private static final int CONNECTIONS_BETWEEN_CALLS = 25;
    private static final int FIRST_HALF_GUEST = 1_000;

    @TempDir
    private Path directory;

    @Test
    void shouldBoundConnectionsAndServeExistingGuest() {
        try (ServiceProcess service = ServiceProcess.start(directory)) {
            service.warmUp();
            Map<String, Integer> alone = service.descriptors();
            try (RingGuest guest = new RingGuest(service, GUEST, 0x1000, 64)) {
                Map<String, Integer> before = service.descriptors();
                List<RingClient> clients = connectAll(service, guest);

                // The last ones: those who came earlier may have been closed for their silence.
                assertTrue(service.log().contains("connections=" + MAX_CONNECTIONS + " max=" + MAX_CONNECTIONS));
                requireBound(service, before);
                guest.roundTrip(0x20, 0x1010, 16);
                Guard.eventually(
                        "who is silent loses the connection",
                        () -> clients.stream()
                                                .filter(client -> !client.hasEnded())
                                                .count()
                                        < MAX_CONNECTIONS
                                && service.log().contains("no HELLO within"),
                        service::log);

                clients.forEach(RingClient::close);
                service.awaitDescriptors(before);
                guest.roundTrip(0x20, 0x1010, 16);
                Dom0Guest.requireGoodRun(service, 2, "--memory", "16M", "--load-ops", "20000");
            }
            service.awaitDescriptors(alone);
            service.requireHealthy();
        }
    }

    private static List<RingClient> connectAll(ServiceProcess service, RingGuest guest) {
        Map<String, Integer> before = service.descriptors();
        List<RingClient> clients = new ArrayList<>();
        for (int i = 0; i < CONNECTIONS; i++) {
            RingClient client = RingClient.connect(service.ring());
            clients.add(client);
            beginHandshake(client, i);
            if (i % CONNECTIONS_BETWEEN_CALLS == 0) {
                guest.roundTrip(0x20, 0x1010, 16);
                requireBound(service, before);
            }
        }
        return clients;
    }

    /** Silence, a HELLO whose answer nobody takes, and a piece of a HELLO; the last is refused at once. */
    private static void beginHandshake(RingClient client, int number) {
        switch (number % 4) {
            case 0, 1 -> {
                return;
            }
            case 2 -> client.trySend(Messages.hello(FIRST_HALF_GUEST + number, 2), List.of());
            default ->
                client.trySend(Messages.hello(FIRST_HALF_GUEST + number, 2).asSlice(0, 12), List.of());
        }
    }

    /**
     * The acceptor may hold one socket more for a moment. Each connection is a socket and an epoll instance, and a guest has
     * a ring and two eventfds per slot besides.
     */
    private static void requireBound(ServiceProcess service, Map<String, Integer> before) {
        long connections = service.connections();
        Map<String, Integer> now = service.descriptors();
        assertTrue(connections <= MAX_CONNECTIONS, () -> "connections=" + connections);
        int sockets = now.getOrDefault("socket", 0) - before.getOrDefault("socket", 0);
        assertTrue(sockets <= MAX_CONNECTIONS, () -> "sockets=" + sockets);
        int total = now.values().stream().mapToInt(Integer::intValue).sum();
        assertTrue(total < 100 + MAX_CONNECTIONS * (2 + RingAbi.welcomeFds(2)), () -> "descriptors " + now);
    }
}
