package org.pviommu.server.rest;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.prometheus.metrics.model.snapshots.CounterSnapshot;
import io.prometheus.metrics.model.snapshots.Labels;
import io.prometheus.metrics.model.snapshots.MetricSnapshot;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.pviommu.host.kernel.KernelStatistics;

class HostMetricsTest {
    private final List<MetricSnapshot> metrics =
            HostMetrics.of(new KernelStatistics(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12));

    @Test
    void shouldTellWhatTheKernelWasAsked() {
        assertEquals("pvi_host_requests", metrics.get(0).getMetadata().getName());
        assertEquals(1, value(0, "request", "map"));
        assertEquals(2, value(0, "request", "unmap"));
        assertEquals(3, value(0, "request", "select"));
        assertEquals(4, value(0, "request", "attach"));
    }

    @Test
    void shouldTellWhatTheKernelAnswered() {
        String[] inOrder = {"refused", "interrupted", "fruitless", "short", "long", "invalid", "denied", "unknown"};
        for (int i = 0; i < inOrder.length; i++) {
            assertEquals(5 + i, value(1, "answer", inOrder[i]), inOrder[i]);
        }
        assertEquals(inOrder.length, metrics.get(1).getDataPoints().size());
    }

    private double value(int metric, String label, String name) {
        return ((CounterSnapshot) metrics.get(metric))
                .getDataPoints().stream()
                        .filter(point -> point.getLabels().equals(Labels.of(label, name)))
                        .findFirst()
                        .orElseThrow()
                        .getValue();
    }
}
