package org.pviommu.benchmarks;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;

/** What is computed, and that both guests really work. Nothing is timed. */
class FairnessTest {
    private static Fairness.Row row(double... busyP99Ns) {
        Fairness.Phase idle = new Fairness.Phase(100, 200);
        List<Fairness.Phase> busy = java.util.Arrays.stream(busyP99Ns)
                .mapToObj(ns -> new Fairness.Phase(150, ns))
                .toList();
        return new Fairness.Row("row", busy.stream().map(phase -> idle).toList(), busy, 4);
    }

    @Test
    void shouldTakePercentilesOfSortedTimes() {
        long[] times = new long[100];
        for (int i = 0; i < times.length; i++) {
            times[i] = 100L - i;
        }

        assertEquals(new Fairness.Phase(51, 100), Fairness.Phase.of(times));
    }

    @Test
    void shouldJudgeTheMedianOfTheRatios() {
        assertEquals(new Samples.Spread(2, 1, 50), row(200, 400, 10_000).ratio());
        assertFalse(row(200, 600, 10_000).isExceeded());
        assertTrue(row(200, 601, 10_000).isExceeded());
    }

    @Test
    void shouldSayWhatWasExceeded() {
        String judged = Fairness.markdown(List.of(row(601, 601, 601)), true);

        assertTrue(judged.contains("| row | 100 | 150 | 200 (200 to 200) | 601 (601 to 601) |"), judged);
        assertTrue(judged.contains("| ≤ 3 | EXCEEDED |"), judged);
        assertTrue(Fairness.markdown(List.of(row(601)), false).contains("not judged"));
        assertTrue(Fairness.json(List.of(row(400))).contains("\"ratio\": 2.0000"));
    }

    @Test
    void shouldMeasureBesideANeighbourThatWorks() {
        List<Fairness.Row> rows = new Fairness(new Fairness.Plan(2, 100, 100, 500)).measure();

        assertEquals(2, rows.size());
        for (Fairness.Row row : rows) {
            assertEquals(2, row.idle().size());
            assertEquals(2, row.busy().size());
            assertTrue(row.neighbourCalls() >= 6, row.toString());
        }
    }
}
