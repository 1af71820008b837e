package org.pviommu.benchmarks;

import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/**
 * The results as text.
 *
 * @param machine what was measured on, and how
 * @param measures the lines
 * @param samples the figures
 * @param judged whether the run was long enough to say whether a limit was held
 */
record Report(Machine machine, List<Measure> measures, Samples samples, boolean judged) {

    String markdown() {
        StringBuilder out = new StringBuilder(1024);
        out.append("# Benchmark results\n\n").append(machine.markdown()).append('\n');
        out.append(
                "Nanoseconds an operation: median (min to max) of the rounds. Ratio: within each round, then the median.\n\n");
        out.append("| measure | C | Java | ratio | must | goal | B/op | verdict |\n");
        out.append("|---|---|---|---|---|---|---|---|\n");
        measures.forEach(measure -> out.append(row(measure)));
        return out.toString();
    }

    private String row(Measure measure) {
        return String.format(
                Locale.ROOT,
                "| %s | %s | %s | %s | %s | %s | %.2f | %s |%n",
                measure.name(),
                text(samples.timeNs(measure.yardstick())),
                text(samples.timeNs(measure.subject())),
                text(samples.ratio(measure)),
                measure.isMust() ? "≤ " + measure.mostAllowed() : "",
                measure.isMust() ? "≤ " + measure.goal() : "",
                samples.allocatedBytes(measure.subject()),
                verdict(measure));
    }

    private static String text(Samples.Spread spread) {
        return String.format(Locale.ROOT, "%.2f (%.2f to %.2f)", spread.median(), spread.min(), spread.max());
    }

    String verdict(Measure measure) {
        if (!measure.isMust()) {
            return "information";
        }
        if (!judged) {
            return "not judged";
        }
        double ratio = samples.ratio(measure).median();
        if (ratio > measure.mostAllowed()) {
            return "EXCEEDED";
        }
        return ratio > measure.goal() ? "held" : "held, goal reached";
    }

    String json() {
        return "{\n" + machine.json() + "  \"measures\": [\n"
                + measures.stream().map(this::jsonRow).collect(Collectors.joining(",\n")) + "\n  ]\n}\n";
    }

    private String jsonRow(Measure measure) {
        return String.format(
                Locale.ROOT,
                "    {\"name\": %s, \"cNs\": %s, \"javaNs\": %s, \"ratio\": %s, \"mostAllowed\": %s, \"goal\": %s,"
                        + " \"allocatedBytesPerOperation\": %.4f, \"verdict\": %s}",
                Machine.quoted(measure.name()),
                json(samples.timeNs(measure.yardstick())),
                json(samples.timeNs(measure.subject())),
                json(samples.ratio(measure)),
                measure.isMust() ? measure.mostAllowed() : "null",
                measure.isMust() ? measure.goal() : "null",
                samples.allocatedBytes(measure.subject()),
                Machine.quoted(verdict(measure)));
    }

    private static String json(Samples.Spread spread) {
        return String.format(
                Locale.ROOT,
                "{\"median\": %.4f, \"min\": %.4f, \"max\": %.4f}",
                spread.median(),
                spread.min(),
                spread.max());
    }
}
