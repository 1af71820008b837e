package org.pviommu.benchmarks;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.openjdk.jmh.runner.RunnerException;

class ReportTest {
    private static final Measure.Subject JAVA = new Measure.Subject("B.map", "java");
    private static final Measure.Subject C = new Measure.Subject("B.map", "c");
    private static final Measure MUST = new Measure("map", JAVA, C, 2.5, 1.7);
    private static final Measure INFORMATION = new Measure("call", JAVA, C, 0, 0);

    private static Samples samples(double... javaNs) {
        Samples samples = new Samples();
        for (double ns : javaNs) {
            samples.add(C, 2.0, 0);
            samples.add(JAVA, ns, 0);
        }
        return samples;
    }

    private static Report report(Samples samples) {
        return new Report(new Machine(Map.of("cpu", "a \"fast\" one")), List.of(MUST, INFORMATION), samples, true);
    }

    @Test
    void shouldTakeTheRatioWithinEachRoundAndThenTheMedian() {
        Samples samples = new Samples();
        // The machine was ten times slower in the second round, for both sides.
        for (double slowness : new double[] {1, 10, 1}) {
            samples.add(C, 2.0 * slowness, 0);
            samples.add(JAVA, 3.0 * slowness, 0);
        }

        assertEquals(new Samples.Spread(1.5, 1.5, 1.5), samples.ratio(MUST));
        assertEquals(new Samples.Spread(3, 3, 30), samples.timeNs(JAVA));
    }

    @Test
    void shouldTakeTheMeanOfTheMiddleTwoForAnEvenCount() {
        assertEquals(new Samples.Spread(2.5, 1, 9), Samples.Spread.of(List.of(9.0, 2.0, 1.0, 3.0)));
    }

    @Test
    void shouldCallTheGoalTheLimitAndTheExcessByTheirNames() {
        assertEquals("held, goal reached", report(samples(3.4)).verdict(MUST));
        assertEquals("held", report(samples(5.0)).verdict(MUST));
        assertEquals("EXCEEDED", report(samples(5.1)).verdict(MUST));
        assertEquals("information", report(samples(500)).verdict(INFORMATION));
    }

    @Test
    void shouldNotJudgeAQuickRun() {
        Report quick = new Report(new Machine(Map.of()), List.of(MUST), samples(500), false);

        assertEquals("not judged", quick.verdict(MUST));
    }

    @Test
    void shouldCountOnlyExceededLimitsAsViolations() {
        List<Measure> measures = List.of(MUST, INFORMATION);

        assertEquals(List.of(), samples(5.0).violations(measures));
        assertEquals(List.of(MUST), samples(5.1).violations(measures));
    }

    @Test
    void shouldWriteATableAndValidJson() {
        Report report = report(samples(3.0));

        assertTrue(
                report.markdown()
                        .contains("| map | 2.00 (2.00 to 2.00) | 3.00 (3.00 to 3.00) | 1.50 (1.50 to 1.50)"
                                + " | ≤ 2.5 | ≤ 1.7 | 0.00 | held, goal reached |"),
                report.markdown());
        assertTrue(report.json().startsWith("{\n  \"cpu\": \"a \\\"fast\\\" one\",\n"), report.json());
        assertTrue(report.json().contains("\"ratio\": {\"median\": 1.5000,"), report.json());
    }

    @Test
    void shouldRefuseUnknownArguments() throws IOException, RunnerException {
        assertEquals(2, BenchMain.run(List.of("--fast")));
        assertEquals(2, BenchMain.run(List.of("--out")));
    }
}
