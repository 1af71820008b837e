package org.pviommu.host;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.Function;
import java.util.random.RandomGenerator;
import org.pviommu.host.HostCall.Kind;

/**
 * Decides which call of a {@link FaultInjectingIommu} is tampered with, and counts them. Any thread; calls are numbered
 * in the order in which they ask.
 */
final class InjectionPlan {
    private static final Injection NONE = new Injection.None();

    private final RandomGenerator random;
    private final Map<Kind, Long> counts = new EnumMap<>(Kind.class);
    private final Map<Kind, Map<Long, Injection>> byKind = new EnumMap<>(Kind.class);
    private final Map<Long, Injection> overall = new HashMap<>();
    private final List<Rule> rules = new ArrayList<>();
    private long total;
    private long injected;

    /** Tampers with calls of {@code kind} with a probability. */
    private record Rule(Kind kind, double probability, Function<RandomGenerator, Injection> what) {}

    InjectionPlan(long seed) {
        random = new SplittableRandom(seed);
    }

    /** @param nth 1 for the next call of that kind */
    synchronized void plan(Kind kind, long nth, Injection injection) {
        requirePositive(nth);
        byKind.computeIfAbsent(kind, k -> new HashMap<>()).put(count(kind) + nth, injection);
    }

    /** @param nth 1 for the next call of any kind */
    synchronized void planOverall(long nth, Injection injection) {
        requirePositive(nth);
        overall.put(total + nth, injection);
    }

    synchronized void planRandomly(Kind kind, double probability, Function<RandomGenerator, Injection> what) {
        if (!(probability >= 0 && probability <= 1)) {
            throw new IllegalArgumentException("probability=" + probability + " range=0..1");
        }
        rules.add(new Rule(kind, probability, what));
    }

    synchronized void forget() {
        byKind.clear();
        overall.clear();
        rules.clear();
    }

    /** Counts a call and says what happens to it. A plan for that very call goes before chance. */
    synchronized Injection next(Kind kind) {
        long nthOfKind = counts.merge(kind, 1L, Long::sum);
        total++;
        Injection chosen = byKind.getOrDefault(kind, Map.of()).get(nthOfKind);
        if (chosen == null) {
            chosen = overall.get(total);
        }
        if (chosen == null) {
            chosen = byChance(kind);
        }
        if (!(chosen instanceof Injection.None)) {
            injected++;
        }
        return chosen;
    }

    synchronized long count(Kind kind) {
        return counts.getOrDefault(kind, 0L);
    }

    synchronized long total() {
        return total;
    }

    synchronized long injected() {
        return injected;
    }

    private Injection byChance(Kind kind) {
        for (Rule rule : rules) {
            if (rule.kind == kind && random.nextDouble() < rule.probability) {
                return rule.what.apply(random);
            }
        }
        return NONE;
    }

    private static void requirePositive(long nth) {
        if (nth < 1) {
            throw new IllegalArgumentException("nth=" + nth + " min=1");
        }
    }
}
