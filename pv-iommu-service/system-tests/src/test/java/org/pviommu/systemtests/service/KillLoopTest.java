package org.pviommu.systemtests.service;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.pviommu.journal.StoredRecords;
import org.pviommu.journal.replay.GuestDigest;
import org.pviommu.journal.replay.ReplayReport;
import org.pviommu.journal.replay.Replayer;
import org.pviommu.journal.store.JournalVerifier;
import org.pviommu.journal.store.VerifyReport;

/**
 * Catalogue E01: a service that is killed at random moments under load, again and again, loses nothing that it has
 * acknowledged.
 *
 * <p>A cycle counts when the service was killed with a batch in flight, after at least one was acknowledged in that cycle.
 * The guest's own log tells: the batch was submitted before the kill, and its answer never came.
 */
class KillLoopTest {
    private static final int GUEST = 1;
    /** Batches of more than one slice, so that a kill can leave a part of one. */
    private static final String[] LOAD = {"--no-map", "--memory", "64M", "--batch", "6000"};

    private static final int CYCLES = Integer.getInteger("cycles", 100);
    private static final int MOST_US_BEFORE_KILL = 4_000;
    /** Kills between two batches do not count, and nobody can say how many there will be; this many are a mistake of the test. */
    private static final int MOST_TRIES_PER_CYCLE = 20;

    @TempDir
    private Path directory;

    private final Random random = new Random(Guard.seed("KillLoopTest"));

    @Test
    void E01_killedAtRandomMomentsNothingAcknowledgedIsLost() {
        WorkLog log = new WorkLog(directory.resolve("work.log"));
        long startedNs = System.nanoTime();
        Child service = startService();
        try (InteractiveGuest guest = InteractiveGuest.startWorking(
                LoopService.ring(directory),
                GUEST,
                directory.resolve("work.log"),
                directory.resolve("guest.err"),
                LOAD)) {
            int effective = 0;
            int cycles = 0;
            while (effective < CYCLES) {
                assertTrue(cycles < MOST_TRIES_PER_CYCLE * CYCLES, "effective=" + effective + " cycles=" + cycles);
                log.await("a batch is acknowledged", () -> log.doneSinceBack() > 0, guest);
                effective += killInFlight(service, log, guest) ? 1 : 0;
                cycles++;
                service = startService();
                int back = cycles;
                log.await("the guest is back with all it had", () -> log.verified() == back, guest);
                if (cycles % 10 == 0 || effective == CYCLES) {
                    report(effective, cycles, log, startedNs);
                }
            }
            guest.endWork();
            log.update();
            assertTrue(log.ended());
            service.terminate();
            assertEquals(143, service.awaitExit(), service::describe);
            assertFalse(service.errors().contains("Exception in thread"), service::describe);
            requireSameReplay(service.output());
        } finally {
            service.close();
        }
    }

    private Child startService() {
        Child service = Child.start(
                directory,
                "service",
                List.of(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "@" + Path.of("../server/target/launch/jvm.args").toAbsolutePath(),
                        "-XX:TieredStopAtLevel=1",
                        "-XX:+UseSerialGC",
                        "-cp",
                        System.getProperty("java.class.path"),
                        LoopService.class.getName(),
                        directory.toString()));
        service.awaitOutput("ready");
        return service;
    }

    /** Whether the batch that had been submitted before the kill is the one whose answer never came. */
    private boolean killInFlight(Child service, WorkLog log, InteractiveGuest guest) {
        LockSupport.parkNanos(TimeUnit.MICROSECONDS.toNanos(random.nextInt(MOST_US_BEFORE_KILL)));
        int lost = log.lost();
        log.update();
        long submitted = log.inFlight();
        service.kill();
        log.await("the guest notices", () -> log.lost() > lost, guest);
        return submitted != 0 && log.lastLost() == submitted;
    }

    private static void report(int effective, int cycles, WorkLog log, long startedNs) {
        System.out.println("KillLoopTest: effective=" + effective + " cycles=" + cycles + " acknowledged batches="
                + log.doneBatches() + " pages=" + log.donePages() + " lost batches found done=" + log.landed()
                + " in part=" + log.torn() + " seconds="
                + TimeUnit.NANOSECONDS.toSeconds(System.nanoTime() - startedNs));
    }

    private void requireSameReplay(String lastWords) {
        Path journal = LoopService.journal(directory);
        VerifyReport verified = JournalVerifier.verify(journal);
        assertTrue(verified.ok(), verified::toString);
        try (StoredRecords records = StoredRecords.open(journal);
                Replayer replayer = Replayer.onEngine(records)) {
            ReplayReport report = replayer.run(Long.MAX_VALUE);
            assertNull(report.difference(), report::toString);
            assertEquals(verified.lastSequence(), report.lastSequence());
            assertEquals(1, report.guests().size());
            GuestDigest guest = report.guests().getFirst();
            assertTrue(
                    lastWords.contains(
                            "guest=" + GUEST + " digest=" + guest.digest() + " pages=" + guest.mappedPages() + ";"),
                    () -> guest + " but " + lastWords);
        }
    }
}
