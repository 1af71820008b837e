package org.pviommu.benchmarks;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import org.pviommu.engine.BatchLog;
import org.pviommu.engine.Engine;
import org.pviommu.host.SimulatedIommu;

/**
 * How much a guest notices of another one: the time of its short calls while the other one is idle, and while that makes calls of
 * a million operations on a thread of its own. Both on one engine and one simulated host IOMMU.
 *
 * <p>Every round has both phases, one right after the other, every second round in reverse; ratios are made within a round and the
 * median is taken over the rounds.
 */
final class Fairness {
    /** The 99th percentile while the other guest is busy, divided by that while it is idle. */
    static final double MOST_ALLOWED = 3;

    private static final int SHORT_CALL = 8;

    /**
     * How much is measured.
     *
     * @param rounds how many
     * @param calls of the short kind, in each phase
     * @param warmUpCalls of the short kind, before all that
     * @param neighbourOperations elements of the other guest's calls
     */
    record Plan(int rounds, int calls, int warmUpCalls, int neighbourOperations) {
        static Plan full() {
            return new Plan(15, 100_000, 1_000_000, 1_000_000);
        }

        static Plan quick() {
            return new Plan(2, 10_000, 300_000, 1_000_000);
        }
    }

    /** Percentiles of one phase, in nanoseconds a call. */
    record Phase(double p50Ns, double p99Ns) {
        /** Sorts {@code timesNs}. */
        static Phase of(long[] timesNs) {
            Arrays.sort(timesNs);
            return new Phase(timesNs[timesNs.length / 2], timesNs[(int) (timesNs.length * 99L / 100)]);
        }
    }

    /**
     * All rounds with one kind of neighbour.
     *
     * @param name what the neighbour does
     * @param idle phases with an idle neighbour, by round
     * @param busy phases with a busy neighbour, by round
     * @param neighbourCalls how many calls the neighbour completed in all
     */
    record Row(String name, List<Phase> idle, List<Phase> busy, long neighbourCalls) {
        Samples.Spread p50(List<Phase> phases) {
            return Samples.Spread.of(phases.stream().map(Phase::p50Ns).toList());
        }

        Samples.Spread p99(List<Phase> phases) {
            return Samples.Spread.of(phases.stream().map(Phase::p99Ns).toList());
        }

        Samples.Spread ratio() {
            List<Double> ratios = new ArrayList<>();
            for (int round = 0; round < idle.size(); round++) {
                ratios.add(busy.get(round).p99Ns() / idle.get(round).p99Ns());
            }
            return Samples.Spread.of(ratios);
        }

        boolean isExceeded() {
            return ratio().median() > MOST_ALLOWED;
        }
    }

    private final Plan plan;
    private final long[] timesNs;

    Fairness(Plan plan) {
        this.plan = plan;
        this.timesNs = new long[plan.calls()];
    }

    /** Measures beside a neighbour whose pages follow each other, and beside one that keeps the host busy with each page. */
    List<Row> measure() {
        return List.of(measure("pages in sequence", 1), measure("scattered pages", 2));
    }

    private Row measure(String name, int neighbourStride) {
        SimulatedIommu host = new SimulatedIommu(SimulatedIommu.Settings.defaults());
        try (Engine engine = new Engine(host, BatchLog.none());
                LoadedGuest guest = new LoadedGuest(engine, 1, SHORT_CALL, 1);
                BusyNeighbour neighbour =
                        new BusyNeighbour(new LoadedGuest(engine, 2, plan.neighbourOperations(), neighbourStride))) {
            Row row = new Row(name, new ArrayList<>(), new ArrayList<>(), 0);
            warmUp(guest, neighbour);
            for (int round = 0; round < plan.rounds(); round++) {
                round(guest, neighbour, row, round % 2 == 0);
            }
            guest.requireAllOk();
            return new Row(name, row.idle(), row.busy(), neighbour.calls());
        }
    }

    /** Until both are compiled; calls, not time, so that a disturbed machine warms up as well. */
    private void warmUp(LoadedGuest guest, BusyNeighbour neighbour) {
        neighbour.start();
        for (int i = 0; i < plan.warmUpCalls(); i += timesNs.length) {
            phase(guest);
        }
        neighbour.stop();
    }

    private void round(LoadedGuest guest, BusyNeighbour neighbour, Row row, boolean idleFirst) {
        if (idleFirst) {
            row.idle().add(phase(guest));
        }
        neighbour.start();
        row.busy().add(phase(guest));
        neighbour.stop();
        if (!idleFirst) {
            row.idle().add(phase(guest));
        }
    }

    private Phase phase(LoadedGuest guest) {
        for (int i = 0; i + 1 < timesNs.length; i += 2) {
            long start = System.nanoTime();
            guest.map();
            long mapped = System.nanoTime();
            guest.unmap();
            timesNs[i] = mapped - start;
            timesNs[i + 1] = System.nanoTime() - mapped;
        }
        return Phase.of(timesNs);
    }

    /** The rows as a table. */
    static String markdown(List<Row> rows, boolean judged) {
        String table = rows.stream().map(row -> markdown(row, judged)).collect(Collectors.joining());
        return """

                Nanoseconds a call of 8 operations of one guest, while another one is idle or makes calls of 1,000,000.

                | the other guest maps | p50 idle | p50 busy | p99 idle | p99 busy | ratio of p99 | must | verdict |
                |---|---|---|---|---|---|---|---|
                """ + table;
    }

    private static String markdown(Row row, boolean judged) {
        Samples.Spread ratio = row.ratio();
        return String.format(
                Locale.ROOT,
                "| %s | %.0f | %.0f | %s | %s | %.2f (%.2f to %.2f) | ≤ %.0f | %s |%n",
                row.name(),
                row.p50(row.idle()).median(),
                row.p50(row.busy()).median(),
                text(row.p99(row.idle())),
                text(row.p99(row.busy())),
                ratio.median(),
                ratio.min(),
                ratio.max(),
                MOST_ALLOWED,
                judged ? row.isExceeded() ? "EXCEEDED" : "held" : "not judged");
    }

    private static String text(Samples.Spread spread) {
        return String.format(Locale.ROOT, "%.0f (%.0f to %.0f)", spread.median(), spread.min(), spread.max());
    }

    /** The rows as a JSON array. */
    static String json(List<Row> rows) {
        return rows.stream().map(Fairness::json).collect(Collectors.joining(",\n  ", "[\n  ", "\n]\n"));
    }

    private static String json(Row row) {
        return String.format(
                Locale.ROOT,
                "{\"neighbour\": %s, \"p50IdleNs\": %.1f, \"p50BusyNs\": %.1f, \"p99IdleNs\": %.1f, \"p99BusyNs\": %.1f,"
                        + " \"ratio\": %.4f, \"mostAllowed\": %.1f, \"neighbourCalls\": %d}",
                Machine.quoted(row.name()),
                row.p50(row.idle()).median(),
                row.p50(row.busy()).median(),
                row.p99(row.idle()).median(),
                row.p99(row.busy()).median(),
                row.ratio().median(),
                MOST_ALLOWED,
                row.neighbourCalls());
    }
}
