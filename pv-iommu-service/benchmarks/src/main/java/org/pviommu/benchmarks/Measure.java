package org.pviommu.benchmarks;

import java.util.List;

/**
 * One line of the report: something of ours against the C table.
 *
 * @param name what people call it
 * @param subject the benchmark of ours
 * @param yardstick the benchmark in C that its time is divided by
 * @param mostAllowed the ratio that must not be exceeded; 0 for information
 * @param goal the ratio that is aimed at; 0 for information
 */
record Measure(String name, Subject subject, Subject yardstick, double mostAllowed, double goal) {

    /**
     * A JMH benchmark, or one side of {@link JournalCost}.
     *
     * @param method class and method, or class and stream
     * @param side value of its parameter {@code side}; empty when it has none
     */
    record Subject(String method, String side) {
        private static Subject of(Class<?> type, String method, String side) {
            return new Subject(type.getName() + "." + method, side);
        }

        private static Subject bare(String method, String side) {
            return of(BareTableBenchmark.class, method, side);
        }

        /** Whether both sides are measured together, by {@link JournalCost}, and not by JMH. */
        boolean isPaired() {
            return method.startsWith(JournalCost.class.getName());
        }

        static Subject of(JournalCost.Result result) {
            return of(JournalCost.class, result.stream(), result.side());
        }

        private static Subject call(String method) {
            return of(CallPathBenchmark.class, method, "");
        }
    }

    /** Everything that is measured, in the order of the report. */
    static List<Measure> all() {
        return List.of(
                must("bare table, map, batch 256", "map"),
                must("bare table, unmap, batch 256", "unmap"),
                must("bare table, map + unmap, batch 256", "pair"),
                information("bare table, map + unmap, batch 1", Subject.bare("pairOfOne", "java"), "pairOfOne"),
                information("whole call, map + unmap, batch 256", Subject.call("pair"), "pair"),
                information("whole call, map + unmap, batch 1", Subject.call("pairOfOne"), "pairOfOne"),
                journal("journal on against off, neighbours, batch 256", JournalCost.NEIGHBOURS),
                journal("journal on against off, scattered, batch 256", JournalCost.SCATTERED));
    }

    private static Measure must(String name, String method) {
        return new Measure(name, Subject.bare(method, "java"), Subject.bare(method, "c"), 2.5, 1.7);
    }

    private static Measure journal(String name, String stream) {
        Class<?> type = JournalCost.class;
        return new Measure(name, Subject.of(type, stream, "on"), Subject.of(type, stream, "off"), 1.5, 1.3);
    }

    private static Measure information(String name, Subject subject, String yardstickMethod) {
        return new Measure(name, subject, Subject.bare(yardstickMethod, "c"), 0, 0);
    }

    boolean isMust() {
        return mostAllowed > 0;
    }
}
