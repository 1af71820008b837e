package org.pviommu.journal.store;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.File;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Catalogue E01 to E03: a process is killed while its threads append. Whatever was acknowledged is there afterwards, and the
 * sequence has no gap. {@code -Dkills=N} for more than the usual number of effective kills.
 */
class KillTest {

    private static final int THREADS = 4;
    private static final int KILLS = Integer.getInteger("kills", 20);
    private static final long PATIENCE_NS = TimeUnit.MINUTES.toNanos(5);

    @TempDir
    Path temporary;

    private Place place;
    private Path acknowledged;

    @BeforeEach
    void makePlace() throws Exception {
        place = Place.in(temporary);
        acknowledged = temporary.resolve("acknowledged");
    }

    private Process start(int life, String... before) throws Exception {
        Files.write(acknowledged, new byte[THREADS * JournalChild.SLOT_BYTES]);
        List<String> command = new ArrayList<>(List.of(before));
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        // Our own flags, without the agents: those write files of their own when they end.
        ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
                .filter(argument -> argument.startsWith("--"))
                .forEach(command::add);
        command.addAll(List.of("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx128m"));
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), JournalChild.class.getName()));
        command.addAll(
                List.of(place.directory().toString(), place.ringDirectory().toString()));
        command.addAll(List.of(acknowledged.toString(), String.valueOf(THREADS), String.valueOf(life)));
        File log = temporary.resolve("child.log").toFile();
        return new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(log)
                .start();
    }

    private long[] acknowledgements() throws Exception {
        MemorySegment slots = MemorySegment.ofArray(Files.readAllBytes(acknowledged));
        long[] last = new long[THREADS];
        for (int thread = 0; thread < THREADS; thread++) {
            last[thread] = slots.get(ValueLayout.JAVA_LONG_UNALIGNED, (long) thread * JournalChild.SLOT_BYTES);
        }
        return last;
    }

    private boolean hasBegun() throws Exception {
        for (long last : acknowledgements()) {
            if (last == 0) {
                return false;
            }
        }
        return true;
    }

    private void awaitBegin(Process process) throws Exception {
        long deadlineNs = System.nanoTime() + PATIENCE_NS;
        while (!hasBegun()) {
            assertTrue(process.isAlive(), () -> "the child died: " + log());
            assertTrue(System.nanoTime() - deadlineNs < 0, () -> "the child does not begin: " + log());
            Thread.sleep(1);
        }
    }

    private String log() {
        try {
            return Files.readString(temporary.resolve("child.log"));
        } catch (java.io.IOException e) {
            return e.toString();
        }
    }

    private static void kill(Process process) throws Exception {
        process.destroyForcibly();
        process.waitFor();
    }

    /** Opens what the dead process left, and holds it against what was acknowledged. */
    private OpenReport check(int life, String message) throws Exception {
        OpenReport report;
        try (JournalStore store = place.open()) {
            report = store.openReport();
        }
        long[] acknowledgedLast = acknowledgements();
        long[] foundLast = new long[THREADS];
        try (JournalReader reader = JournalReader.open(place.directory());
                Arena arena = Arena.ofConfined()) {
            MemorySegment expected = arena.allocate(256);
            long sequence = 0;
            while (reader.next()) {
                assertEquals(++sequence, reader.sequence(), message);
                if (reader.kind() != JournalStore.KIND_ABANDONED) {
                    checkRecord(reader.payload(), expected, life, foundLast, message);
                }
            }
            assertEquals(report.lastSequence(), sequence, message);
        }
        for (int thread = 0; thread < THREADS; thread++) {
            assertTrue(
                    foundLast[thread] >= acknowledgedLast[thread],
                    message + " thread=" + thread + " found=" + foundLast[thread] + " acknowledged="
                            + acknowledgedLast[thread]);
        }
        return report;
    }

    private static void checkRecord(
            MemorySegment payload, MemorySegment expected, int life, long[] foundLast, String message) {
        int recordLife = payload.get(ValueLayout.JAVA_INT_UNALIGNED, 0);
        int thread = payload.get(ValueLayout.JAVA_INT_UNALIGNED, 4);
        long number = payload.get(ValueLayout.JAVA_LONG_UNALIGNED, 8);
        int length = JournalChild.encode(expected, recordLife, thread, number);
        assertEquals(-1, expected.asSlice(0, length).mismatch(payload), message);
        if (recordLife == life) {
            assertEquals(foundLast[thread] + 1, number, message + " thread=" + thread);
            foundLast[thread] = number;
        }
    }

    @Test
    void E01_E02_nothingAcknowledgedIsLostWhenTheProcessIsKilled() throws Exception {
        long seed = System.nanoTime();
        Random random = new Random(seed);
        int effective = 0;
        long drained = 0;
        long abandoned = 0;
        for (int life = 1; effective < KILLS; life++) {
            Process process = start(life);
            if (life % 8 == 7) {
                // Anywhere in its start, recovery included.
                Thread.sleep(random.nextInt(1500));
            } else {
                awaitBegin(process);
                Thread.sleep(random.nextInt(30));
            }
            kill(process);
            effective += hasBegun() ? 1 : 0;
            OpenReport report = check(life, "seed=" + seed + " life=" + life);
            drained += report.drainedRecords();
            abandoned += report.abandonedClaims();
        }
        System.out.println("kills=" + effective + " records drained from the ring=" + drained + " abandoned claims="
                + abandoned + " seed=" + seed);
        assertTrue(drained > 0, "no kill ever left anything in the ring: this proves nothing");
    }

    @Test
    void E03_processOneOfItsNamespaceIsKilledAndStartsAgain() throws Exception {
        String[] asProcessOne = {"unshare", "--pid", "--fork", "--mount-proc", "--kill-child=KILL"};
        assumeTrue(canRun(asProcessOne), "skipped: no permission for a PID namespace");
        for (int life = 1; life <= 3; life++) {
            Process process = start(life, asProcessOne);
            awaitBegin(process);
            kill(process);
            awaitDeathOfAll();
            if (life == 3) {
                OpenReport report = check(life, "life=" + life);
                assertEquals(OpenReport.State.CRASHED, report.state());
            } else {
                // The next life takes over by itself, as process 1 again.
                assertTrue(!log().contains("Exception"), log());
            }
        }
    }

    private static boolean canRun(String[] before) throws Exception {
        List<String> command = new ArrayList<>(List.of(before));
        command.add("true");
        try {
            return new ProcessBuilder(command).start().waitFor() == 0;
        } catch (java.io.IOException e) {
            return false;
        }
    }

    /** The kill goes to unshare, and from there to the JVM: the lock shows when that is gone. */
    private void awaitDeathOfAll() throws Exception {
        long deadlineNs = System.nanoTime() + PATIENCE_NS;
        boolean locked = true;
        while (locked) {
            assertTrue(System.nanoTime() - deadlineNs < 0, "the child still holds the lock");
            try {
                DirectoryLock.acquire(place.directory()).close();
                locked = false;
            } catch (JournalLockedException e) {
                Thread.sleep(5);
            }
        }
    }
}
