package org.pviommu.benchmarks;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.openjdk.jmh.profile.GCProfiler;
import org.openjdk.jmh.results.Result;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.ChainedOptionsBuilder;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.openjdk.jmh.runner.options.VerboseMode;

/**
 * Runs all benchmarks, C and Java in turn, and reports medians, spreads and ratios.
 *
 * <p>{@code BenchMain [--quick] [--out DIRECTORY]}; writes {@code results.md}, {@code results.json} and {@code fairness.json} to
 * the directory ({@code target/bench}). Exit code 0: done; 1: a ratio that must hold was exceeded (full run only) or measuring failed;
 * 2: wrong usage.
 */
public final class BenchMain {
    private static final String USAGE = "usage: BenchMain [--quick] [--out DIRECTORY]";
    private static final int EXIT_EXCEEDED = 1;
    private static final int EXIT_USAGE = 2;

    /** JMH's name for the bytes allocated an operation, from which GCProfiler reports. */
    private static final String ALLOCATION = "gc.alloc.rate.norm";

    private final boolean quick;
    private final Path out;

    private BenchMain(boolean quick, Path out) {
        this.quick = quick;
        this.out = out;
    }

    /** See the class. */
    public static void main(String[] arguments) throws IOException, RunnerException {
        int exit = run(List.of(arguments));
        if (exit != 0) {
            System.exit(exit);
        }
    }

    /** {@link #main} without the exit. */
    static int run(List<String> arguments) throws IOException, RunnerException {
        boolean quick = false;
        Path out = Path.of("target", "bench");
        for (int i = 0; i < arguments.size(); i++) {
            String argument = arguments.get(i);
            if (argument.equals("--quick")) {
                quick = true;
            } else if (argument.equals("--out") && i + 1 < arguments.size()) {
                out = Path.of(arguments.get(++i));
            } else {
                System.err.println("unknown argument " + argument + "\n" + USAGE);
                return EXIT_USAGE;
            }
        }
        return new BenchMain(quick, out).measure();
    }

    private int measure() throws IOException, RunnerException {
        Files.createDirectories(out);
        Path library = RadixCompiler.compile(out);
        Samples samples = new Samples();
        int rounds = quick ? 1 : 7;
        for (int round = 1; round <= rounds; round++) {
            System.out.println("round " + round + " of " + rounds);
            measureRound(round, library, samples);
        }
        Report report = new Report(Machine.here(rounds, forkPlan()), Measure.all(), samples, !quick);
        System.out.println("fairness between two guests");
        List<Fairness.Row> fairness = new Fairness(quick ? Fairness.Plan.quick() : Fairness.Plan.full()).measure();
        String markdown = report.markdown() + Fairness.markdown(fairness, !quick);
        System.out.println(markdown);
        Files.writeString(out.resolve("results.md"), markdown);
        Files.writeString(out.resolve("results.json"), report.json());
        Files.writeString(out.resolve("fairness.json"), Fairness.json(fairness));
        boolean exceeded = !samples.violations(Measure.all()).isEmpty()
                || fairness.stream().anyMatch(Fairness.Row::isExceeded);
        return exceeded && !quick ? EXIT_EXCEEDED : 0; // a quick run is too short to judge by
    }

    /** One fork for each benchmark, one for the journal on and off; every second round the other way round, so that neither side is always first. */
    private void measureRound(int round, Path library, Samples samples) throws IOException, RunnerException {
        Set<Measure.Subject> order = subjects(Measure.all());
        List<Measure.Subject> subjects = new ArrayList<>(order);
        if (round % 2 == 0) {
            Collections.reverse(subjects);
        }
        subjects.removeIf(Measure.Subject::isPaired);
        for (Measure.Subject subject : subjects) {
            RunResult result = runOnce(subject, library);
            double timeNs = result.getPrimaryResult().getStatistics().getPercentile(50);
            add(samples, subject, timeNs, allocatedBytes(result));
        }
        for (JournalCost.Result result : JournalCost.inFreshJvm(quick)) {
            add(samples, Measure.Subject.of(result), result.timeNs(), result.allocatedBytes());
        }
    }

    private static void add(Samples samples, Measure.Subject subject, double timeNs, double allocatedBytes) {
        samples.add(subject, timeNs, allocatedBytes);
        System.out.printf("  %-60s %-4s %8.2f ns/op%n", subject.method(), subject.side(), timeNs);
    }

    private static double allocatedBytes(RunResult result) {
        Result<?> allocation = result.getSecondaryResults().get(ALLOCATION);
        return allocation == null ? Double.NaN : allocation.getStatistics().getPercentile(50);
    }

    /** Each benchmark once, the two sides of a measure next to each other. */
    static Set<Measure.Subject> subjects(List<Measure> measures) {
        Set<Measure.Subject> subjects = new LinkedHashSet<>();
        measures.forEach(
                measure -> Stream.of(measure.yardstick(), measure.subject()).forEach(subjects::add));
        return subjects;
    }

    private RunResult runOnce(Measure.Subject subject, Path library) throws RunnerException {
        ChainedOptionsBuilder options = new OptionsBuilder()
                .include("^" + Pattern.quote(subject.method()) + "$")
                .forks(1) // inherits this JVM's flags
                .jvmArgsAppend("-D" + CRadixTable.LIBRARY_PROPERTY + "=" + library)
                .warmupIterations(quick ? 2 : 4)
                .warmupTime(TimeValue.milliseconds(250))
                .measurementIterations(quick ? 2 : 5)
                .measurementTime(TimeValue.milliseconds(quick ? 100 : 200))
                .addProfiler(GCProfiler.class)
                .shouldFailOnError(true)
                .verbosity(VerboseMode.SILENT);
        if (!subject.side().isEmpty()) {
            options.param("side", subject.side());
        }
        return theOnly(new Runner(options.build()).run());
    }

    private String forkPlan() {
        return quick
                ? "each a fresh JVM a benchmark, 2 x 100 ms after 0.5 s of warm-up; too short to judge by"
                : "each a fresh JVM a benchmark, median of 5 x 200 ms after 1 s of warm-up; the journal on and off in turns of 40 ms in one, 100 after 75";
    }

    private static RunResult theOnly(Collection<RunResult> results) {
        if (results.size() != 1) {
            throw new IllegalStateException("results=" + results.size() + " expected=1");
        }
        return results.iterator().next();
    }
}
