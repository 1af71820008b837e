package org.pviommu.systemtests.differential;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Random;
import org.junit.jupiter.api.Test;
import org.pviommu.engine.RequestStatus;

/** {@code -Dseed=S -Dops=N} choose another run; without a seed each build runs a new one. */
class DomainTest {
    private static final long MIN_SEEN = 50;

    @Test
    void shouldAgreeWithAListOfMappingsOnEveryRequest() {
        long requests = Long.getLong("ops", 2_000_000L);
        String given = System.getProperty("seed", "");
        long seed = given.isEmpty() ? new Random().nextLong() : Long.parseLong(given);
        System.out.println("domains: -Dseed=" + seed);
        DomainRun run = new DomainRun(seed, requests);

        try {
            run.run();
        } catch (Divergence | RuntimeException e) {
            throw new AssertionError("seed=" + seed + " request=" + run.requestsDone() + ": " + e.getMessage(), e);
        }

        System.out.printf("seed=%d requests compared: %d, divergences: 0%n", seed, run.requestsDone());
        for (int status : new int[] {
            RequestStatus.OK,
            RequestStatus.UNSUPP,
            RequestStatus.INVAL,
            RequestStatus.RANGE,
            RequestStatus.NOENT,
            RequestStatus.NOMEM
        }) {
            assertTrue(
                    run.seen(status) >= MIN_SEEN, "seed=" + seed + " status=" + status + " seen=" + run.seen(status));
        }
        assertTrue(run.dmaReads() >= 10_000, "seed=" + seed + " dmaReads=" + run.dmaReads());
    }
}
