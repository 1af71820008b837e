package org.pviommu.benchmarks;

import com.sun.management.ThreadMXBean;
import java.io.File;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * What the journal costs: the whole call with and without it, in turns of {@value #TURN_MS} ms in one JVM. With it, the record lies in
 * the ring when the call returns, and a thread of its own moves it to the disk meanwhile.
 *
 * <p>In turns, because two JVMs compile the same call differently: their times without a journal are up to twice apart, more than the
 * journal costs. {@code JournalCost [--quick]} prints a line for each {@link Result}; {@link #inFreshJvm} runs it and reads them.
 */
final class JournalCost {
    /** The two streams of operations, as they are called in the report. */
    static final String NEIGHBOURS = "neighbours";

    static final String SCATTERED = "scattered";

    private static final int TURN_MS = 40;
    private static final String PREFIX = "RESULT ";
    private static final int CALLS_BETWEEN_LOOKS = 100;

    /**
     * How much is measured.
     *
     * @param warmUpTurns turns of each side before anything counts
     * @param turns turns of each side
     */
    record Plan(int warmUpTurns, int turns) {
        static Plan full() {
            return new Plan(75, 100);
        }

        static Plan quick() {
            return new Plan(10, 5);
        }
    }

    /**
     * One side of one stream.
     *
     * @param timeNs median of its turns, nanoseconds an operation, the mean of map and unmap
     * @param allocatedBytes by the calling thread, an operation
     */
    record Result(String stream, String side, double timeNs, double allocatedBytes) {
        private String line() {
            return String.format(Locale.ROOT, "%s%s %s %.4f %.4f", PREFIX, stream, side, timeNs, allocatedBytes);
        }

        private static Result parse(String line) {
            String[] words = line.substring(PREFIX.length()).split(" ", 4);
            return new Result(words[0], words[1], Double.parseDouble(words[2]), Double.parseDouble(words[3]));
        }
    }

    private final JournalCaller caller;
    private final long address;
    private final double[] timesNs;
    private long allocatedBytes;
    private long operations;

    private JournalCost(JournalCaller caller, long address, int turns) {
        this.caller = caller;
        this.address = address;
        timesNs = new double[turns];
    }

    /** See the class. */
    public static void main(String[] arguments) throws IOException {
        Plan plan = List.of(arguments).contains("--quick") ? Plan.quick() : Plan.full();
        measure(plan).forEach(result -> System.out.println(result.line()));
    }

    /** Measures both streams in this JVM. */
    static List<Result> measure(Plan plan) throws IOException {
        List<Result> results = new ArrayList<>();
        try (JournalCaller off = new JournalCaller(false);
                JournalCaller on = new JournalCaller(true)) {
            measure(NEIGHBOURS, JournalCaller.NEIGHBOURS_ADDRESS, off, on, plan, results);
            measure(SCATTERED, JournalCaller.SCATTERED_ADDRESS, off, on, plan, results);
            off.check();
            on.check();
        }
        return results;
    }

    private static void measure(
            String stream, long address, JournalCaller off, JournalCaller on, Plan plan, List<Result> results) {
        JournalCost without = new JournalCost(off, address, plan.turns());
        JournalCost with = new JournalCost(on, address, plan.turns());
        for (int turn = -plan.warmUpTurns(); turn < plan.turns(); turn++) {
            // Every second time the other way round: what the writer still has to move is in the next turn's time.
            (turn % 2 == 0 ? without : with).turn(turn);
            (turn % 2 == 0 ? with : without).turn(turn);
        }
        results.add(without.result(stream, "off"));
        results.add(with.result(stream, "on"));
    }

    private void turn(int turn) {
        long allocatedBefore = allocated();
        long startNs = System.nanoTime();
        long endNs;
        long pairs = 0;
        long returned = 0;
        do {
            for (int i = 0; i < CALLS_BETWEEN_LOOKS; i++) {
                returned |= caller.pair(address);
            }
            pairs += CALLS_BETWEEN_LOOKS;
            endNs = System.nanoTime();
        } while (endNs - startNs < TURN_MS * 1_000_000L);
        if (returned != 0) {
            throw new IllegalStateException("a call was refused: not a valid measurement");
        }
        if (turn >= 0) {
            long done = pairs * 2 * JournalCaller.BATCH;
            timesNs[turn] = (double) (endNs - startNs) / done;
            operations += done;
            allocatedBytes += allocated() - allocatedBefore;
        }
    }

    private static long allocated() {
        return ((ThreadMXBean) ManagementFactory.getThreadMXBean()).getCurrentThreadAllocatedBytes();
    }

    private Result result(String stream, String side) {
        double[] sorted = timesNs.clone();
        Arrays.sort(sorted);
        return new Result(stream, side, sorted[sorted.length / 2], (double) allocatedBytes / operations);
    }

    /** The same in a JVM of its own, with the flags of this one. */
    static List<Result> inFreshJvm(boolean quick) throws IOException {
        List<String> command = new ArrayList<>();
        command.add(System.getProperty("java.home") + File.separator + "bin" + File.separator + "java");
        command.addAll(ManagementFactory.getRuntimeMXBean().getInputArguments());
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), JournalCost.class.getName()));
        if (quick) {
            command.add("--quick");
        }
        Process process = new ProcessBuilder(command)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        List<String> lines = process.inputReader().lines().toList();
        List<Result> results = lines.stream()
                .filter(line -> line.startsWith(PREFIX))
                .map(Result::parse)
                .toList();
        if (results.size() != 4) {
            throw new IOException("measuring the journal gave results=" + results.size() + " expected=4: " + lines);
        }
        return results;
    }
}
