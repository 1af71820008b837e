package org.pviommu.systemtests.service;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.pviommu.natives.FileDescriptor;

/** Whatever comes through the ring socket costs at most the connection it came on. */
class GarbageTest {
    private static final int GOOD_GUEST = 1;
    private static final int PACKETS = 10_000;
    private static final int MOST_PACKETS_PER_CONNECTION = 8;
    private static final int CONNECTIONS_BETWEEN_CALLS = 50;

    @TempDir
    private Path directory;

    private int packets;
    private int answers;

    @Test
    void shouldSurviveGarbageOnRingSocket() {
        Random random = new Random(Guard.seed("shouldSurviveGarbageOnRingSocket"));
        try (ServiceProcess service = ServiceProcess.start(directory);
                Garbage garbage = new Garbage(random)) {
            service.warmUp();
            Map<String, Integer> alone = service.descriptors();
            try (RingGuest good = new RingGuest(service, GOOD_GUEST, 0x1000, 64)) {
                Map<String, Integer> descriptors = service.descriptors();

                int connections = 0;
                while (packets < PACKETS) {
                    sendGarbage(service, garbage, random);
                    if (++connections % CONNECTIONS_BETWEEN_CALLS == 0) {
                        good.roundTrip(0x20, 0x1010, 16);
                    }
                }

                System.out.println("packets=" + packets + " connections=" + connections + " answers=" + answers);
                assertTrue(answers > connections / 10, () -> "packets=" + packets + " but answers=" + answers);
                service.awaitDescriptors(descriptors);
                Guard.eventually(
                        "only the good guest is left",
                        () -> service.rest().guests().equals(List.of((long) GOOD_GUEST)),
                        () -> service.rest().guests().toString());
                good.roundTrip(0x20, 0x1010, 16);
            }
            service.awaitDescriptors(alone);
            assertEquals(0, service.mappings().memfds());
            Dom0Guest.requireGoodRun(service, GOOD_GUEST, "--memory", "16M", "--load-ops", "20000");
            service.requireHealthy();
        }
    }

    /** One connection: it may be dropped without a word, or read until the service has closed it. */
    private void sendGarbage(ServiceProcess service, Garbage garbage, Random random) {
        boolean patient = random.nextBoolean();
        try (RingClient client = RingClient.connect(service.ring())) {
            int count = 1 + random.nextInt(MOST_PACKETS_PER_CONNECTION);
            for (int i = 0; i < count; i++) {
                if (!client.trySend(garbage.packet(), garbage.descriptors())) {
                    return;
                }
                packets++;
                if (patient && !takeAnswer(client)) {
                    return;
                }
            }
        }
    }

    private boolean takeAnswer(RingClient client) {
        RingClient.Answer answer = client.receiveOrEnd();
        if (answer == null) {
            return false;
        }
        answers++;
        answer.fds().forEach(FileDescriptor::close);
        return true;
    }
}
