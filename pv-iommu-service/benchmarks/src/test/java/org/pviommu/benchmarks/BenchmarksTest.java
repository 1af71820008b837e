package org.pviommu.benchmarks;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.infra.BenchmarkParams;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.VerboseMode;

/** Each benchmark runs once, in this JVM; its own checks of statuses and balance decide. Nothing is timed. */
class BenchmarksTest {
    @Test
    void shouldRunEveryBenchmarkOnceAndSucceed() throws RunnerException {
        var results = new Runner(new OptionsBuilder()
                        .include("^org\\.pviommu\\.benchmarks\\.")
                        .mode(Mode.SingleShotTime)
                        .forks(0)
                        .warmupIterations(0)
                        .measurementIterations(2)
                        .shouldFailOnError(true)
                        .verbosity(VerboseMode.SILENT)
                        .build())
                .run();

        // Also: what the report is made from is exactly what exists.
        Set<Measure.Subject> ran =
                results.stream().map(result -> subject(result.getParams())).collect(Collectors.toSet());
        assertEquals(subjects(false), ran);
    }

    @Test
    void shouldMeasureTheJournalOnAndOff() throws IOException {
        List<JournalCost.Result> results = JournalCost.measure(new JournalCost.Plan(0, 1));

        assertEquals(subjects(true), results.stream().map(Measure.Subject::of).collect(Collectors.toSet()));
        results.forEach(result -> assertTrue(result.timeNs() > 0, result.toString()));
    }

    private static Set<Measure.Subject> subjects(boolean paired) {
        return BenchMain.subjects(Measure.all()).stream()
                .filter(subject -> subject.isPaired() == paired)
                .collect(Collectors.toSet());
    }

    private static Measure.Subject subject(BenchmarkParams params) {
        String side = params.getParamsKeys().contains("side") ? params.getParam("side") : "";
        return new Measure.Subject(params.getBenchmark(), side);
    }

    @Test
    void shouldRefuseToMeasureBatchesThatFail() {
        try (Arena arena = Arena.ofConfined();
                PageTable table = PageTable.open("java")) {
            MemorySegment operations = Operations.sequential(arena, 4, PageTable.LAST_BFN - 1, 0);
            table.map(operations, 4);

            var e = assertThrows(IllegalStateException.class, () -> Operations.requireAllOk(operations, 4));

            assertEquals("operation=2 status=-34, not a valid measurement", e.getMessage());
        }
    }

    @Test
    void shouldNotLeaveTheBufferWhenTheCountIsTooLarge() {
        try (Arena arena = Arena.ofConfined();
                PageTable c = PageTable.open("c");
                PageTable java = PageTable.open("java")) {
            MemorySegment operations = Operations.sequential(arena, 4, 0, 0);

            assertThrows(IndexOutOfBoundsException.class, () -> java.map(operations, 5));
            assertThrows(IndexOutOfBoundsException.class, () -> java.unmap(operations, -1));
            assertThrows(IndexOutOfBoundsException.class, () -> c.map(operations, 5));
            assertThrows(IndexOutOfBoundsException.class, () -> c.unmap(operations, -1));
        }
    }
}
