package org.pviommu.systemtests.service;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.pviommu.server.Json;
import org.pviommu.server.cli.RestClient;

/** Two guests in C: frames of the first one, and what the second one's device can do with them. */
@Timeout(Guard.TIMEOUT_SECONDS)
class GrantsBetweenGuestsTest {
    private static final int OWNER = 1;
    private static final int GRANTEE = 2;
    private static final long OWNER_MFN = 0x10000;

    /** The device that guest 2 has without configuration, and where it finds the granted frames. */
    private static final String DEVICE = "0002:00:01.0";

    private static final long IOVA = 0x500_000;
    private static final int ROUNDS = 20;
    private static final String CONFIGURATION = "guests: {2: {accepts-grants-from: [1]}}";

    @TempDir
    private Path directory;

    @Test
    void shouldGiveAndTakeBack() {
        try (ServiceProcess service = ServiceProcess.start(directory, CONFIGURATION);
                RestClient rest = RestClient.of(service.runDirectory());
                InteractiveGuest owner = InteractiveGuest.start(service, OWNER, OWNER_MFN);
                InteractiveGuest grantee = InteractiveGuest.start(service, GRANTEE, 0)) {
            owner.obey("write 0x10010 0 c0ffee");
            assertEquals("ENXIO", grantee.statusOf("map 0x500 0x80000 r"), "nothing is there before");

            owner.request("grant 0x10010 4 2 0x80000 r");
            assertEquals("EPERM", grantee.statusOf("map 0x500 0x80000 rw"));
            assertEquals("OK", grantee.statusOf("map 0x500 0x80000 r 4"));
            assertEquals("c0ffee", read(rest));
            assertEquals(0L, write(rest, "ff"), "through a read-only grant");
            assertEquals("c0ffee", owner.obey("read 0x10010 0 3").get("hex"));

            owner.request("revoke 2 0x80000");
            assertEquals("EPERM", grantee.statusOf("map 0x600 0x80000 r"));
            assertEquals("c0ffee", read(rest), "what was mapped stays");
            assertEquals(List.of("0x80000 revoked=true holds=4"), received(service));

            owner.request("revoke 2 0x80000 force");
            assertEquals("", read(rest), "the device still reaches a frame that was taken back");
            assertEquals(List.of("0x80000 revoked=true holds=0"), received(service));

            owner.request("grant 0x10010 1 2 0x80000 rw");
            assertEquals("OK", grantee.statusOf("map 0x500 0x80000 rw"));
            assertEquals(3L, write(rest, "5eed42"));
            assertEquals("5eed42", owner.obey("read 0x10010 0 3").get("hex"));
            service.requireHealthy();
        }
    }

    @Test
    void shouldNotLetGuestsGiveOrTakeWhatIsNotTheirs() {
        try (ServiceProcess service = ServiceProcess.start(directory, CONFIGURATION);
                InteractiveGuest owner = InteractiveGuest.start(service, OWNER, OWNER_MFN);
                InteractiveGuest grantee = InteractiveGuest.start(service, GRANTEE, 0)) {
            grantee.requireRefusal("grant 0 1 1 0x80000 r", -1, "grantee_id=1 does not accept grants from guest=2");
            owner.requireRefusal("grant 0x20000 1 2 0x80000 r", -2, "guest=1 has no region with mfns 131072");
            owner.requireRefusal("grant 0x10000 1 2 0 r", -17, "overlap registered mfns 0..1023");
            owner.request("grant 0x10000 1 2 0x80000 r");
            grantee.requireRefusal("revoke 2 0x80000 force", -2, "guest=2 has granted nothing");
            assertEquals(List.of("0x80000 revoked=false holds=0"), received(service));
            service.requireHealthy();
        }
    }

    @Test
    void shouldKeepAKilledOwnersFramesUntilTheGranteeLetsGo() {
        try (ServiceProcess service = ServiceProcess.start(directory, CONFIGURATION);
                RestClient rest = RestClient.of(service.runDirectory());
                InteractiveGuest owner = InteractiveGuest.start(service, OWNER, OWNER_MFN);
                InteractiveGuest grantee = InteractiveGuest.start(service, GRANTEE, 0)) {
            owner.obey("write 0x10010 0 c0ffee");
            owner.request("grant 0x10010 4 2 0x80000 r");
            assertEquals("OK", grantee.statusOf("map 0x500 0x80000 r"));

            owner.kill();

            Guard.eventually(
                    "the owner's death revokes",
                    () -> received(service).equals(List.of("0x80000 revoked=true holds=1")),
                    () -> received(service).toString());
            assertEquals("c0ffee", read(rest));
            try (Dom0Guest tooEarly = Dom0Guest.start(service, OWNER, "--memory", "4M")) {
                assertEquals(Dom0Guest.EXIT_UNREACHABLE, tooEarly.process().awaitExit());
                assertTrue(tooEarly.process().errors().contains("guest=1 is in use"), tooEarly.process()::describe);
            }
            assertEquals("OK", grantee.statusOf("unmap 0x500"));
            Dom0Guest.requireGoodRun(service, OWNER, "--memory", "4M");
            service.requireHealthy();
        }
    }

    /** It makes one long call after the other: the lock that both sides need is hardly ever free. */
    @Test
    void shouldGiveToABusyGrantee() {
        try (ServiceProcess service = ServiceProcess.start(directory, CONFIGURATION);
                InteractiveGuest owner = InteractiveGuest.start(service, OWNER, OWNER_MFN);
                Dom0Guest grantee = Dom0Guest.start(
                        service,
                        GRANTEE,
                        "--memory",
                        "256M",
                        "--batch",
                        "65536",
                        "--load-ops",
                        Dom0Guest.WITHOUT_END)) {
            grantee.awaitPhase("map");
            for (int i = 0; i < ROUNDS; i++) {
                owner.request("grant 0x10000 1 2 0x80000 r");
                owner.request("revoke 2 0x80000 force");
            }
            assertTrue(grantee.process().isAlive(), grantee.process()::describe);
            service.requireHealthy();
        }
    }

    private static List<String> received(ServiceProcess service) {
        Map<String, @Nullable Object> grants =
                service.rest().get("/api/v1/guests/" + GRANTEE + "/grants").object();
        return ((List<?>) Objects.requireNonNull(grants.get("received")))
                .stream()
                        .map(each -> (Map<?, ?>) Objects.requireNonNull(each))
                        .map(grant -> grant.get("granteeFirstMfn") + " revoked=" + grant.get("revoked") + " holds="
                                + grant.get("holds"))
                        .toList();
    }

    /** Three bytes, as the device gets them; none when it is refused. */
    private static String read(RestClient rest) {
        return String.valueOf(dma(rest, "read", "length", 3).get("data"));
    }

    /** How many bytes the device could write. */
    private static long write(RestClient rest, String hex) {
        return (Long) Objects.requireNonNull(dma(rest, "write", "data", hex).get("movedBytes"));
    }

    private static Map<String, @Nullable Object> dma(RestClient rest, String op, String name, Object value) {
        Map<String, Object> body = new LinkedHashMap<>();
        body.put("op", op);
        body.put("iova", "0x" + Long.toHexString(IOVA));
        body.put(name, value);
        return Json.object(rest.post("/api/v1/endpoints/" + DEVICE + "/dma", body));
    }
}
