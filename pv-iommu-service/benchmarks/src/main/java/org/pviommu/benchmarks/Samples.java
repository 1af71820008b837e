package org.pviommu.benchmarks;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * What the rounds gave: for each benchmark and round a time (nanoseconds an operation) and an allocation (bytes an
 * operation).
 *
 * <p>Ratios are made within a round, where both sides ran within seconds of each other, and the median is taken over the
 * rounds: a machine that is slow for a minute slows both.
 */
final class Samples {
    private final Map<Measure.Subject, List<Double>> times = new HashMap<>();
    private final Map<Measure.Subject, Double> allocations = new HashMap<>();

    /** Adds the result of one round; rounds are added in the same order for each benchmark. */
    void add(Measure.Subject subject, double timeNs, double allocatedBytes) {
        times.putIfAbsent(subject, new ArrayList<>());
        timesOf(subject).add(timeNs);
        allocations.merge(subject, allocatedBytes, Math::min);
    }

    /** Median, smallest and largest value. */
    record Spread(double median, double min, double max) {
        static Spread of(List<Double> values) {
            List<Double> sorted = values.stream().sorted().toList();
            int n = sorted.size();
            double median = (sorted.get((n - 1) / 2) + sorted.get(n / 2)) / 2;
            return new Spread(median, sorted.getFirst(), sorted.getLast());
        }
    }

    Spread timeNs(Measure.Subject subject) {
        return Spread.of(timesOf(subject));
    }

    /**
     * Bytes allocated an operation in the best round: what the benchmark itself allocates is there in every round, what a
     * compiler thread or a collector adds is not.
     */
    double allocatedBytes(Measure.Subject subject) {
        return allocations.getOrDefault(subject, Double.NaN);
    }

    Spread ratio(Measure measure) {
        List<Double> ours = timesOf(measure.subject());
        List<Double> theirs = timesOf(measure.yardstick());
        List<Double> ratios = new ArrayList<>();
        for (int round = 0; round < Math.min(ours.size(), theirs.size()); round++) {
            ratios.add(ours.get(round) / theirs.get(round));
        }
        return Spread.of(ratios);
    }

    private List<Double> timesOf(Measure.Subject subject) {
        List<Double> found = times.get(subject);
        if (found == null) {
            throw new IllegalStateException("nothing was measured for " + subject);
        }
        return found;
    }

    /** Measures whose median ratio is above what is allowed. */
    List<Measure> violations(List<Measure> measures) {
        return measures.stream()
                .filter(m -> m.isMust() && ratio(m).median() > m.mostAllowed())
                .toList();
    }
}
