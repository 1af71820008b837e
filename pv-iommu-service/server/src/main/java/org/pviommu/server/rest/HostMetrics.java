package org.pviommu.server.rest;

import io.prometheus.metrics.model.snapshots.CounterSnapshot;
import io.prometheus.metrics.model.snapshots.Labels;
import io.prometheus.metrics.model.snapshots.MetricSnapshot;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.pviommu.host.kernel.KernelStatistics;

/** What the kernel was asked and how it answered, where the host IOMMU is the kernel's. */
final class HostMetrics {
    private HostMetrics() {}

    static List<MetricSnapshot> of(KernelStatistics statistics) {
        Map<String, Long> requests = new LinkedHashMap<>();
        requests.put("map", statistics.maps());
        requests.put("unmap", statistics.unmaps());
        requests.put("select", statistics.selections());
        requests.put("attach", statistics.attachments());
        Map<String, Long> answers = new LinkedHashMap<>();
        answers.put("refused", statistics.refusals());
        answers.put("interrupted", statistics.interrupted());
        answers.put("denied", statistics.denied());
        answers.put("invalid", statistics.invalid());
        answers.put("unknown", statistics.unknown());
        answers.put("fruitless", statistics.fruitless());
        answers.put("short", statistics.shortRemovals());
        answers.put("long", statistics.longRemovals());
        return List.of(
                counters("pvi_host_requests", "Requests to the kernel's IOMMU.", "request", requests),
                counters("pvi_host_unusual_answers", "Its answers other than a plain success.", "answer", answers));
    }

    private static MetricSnapshot counters(String name, String help, String label, Map<String, Long> values) {
        CounterSnapshot.Builder builder = CounterSnapshot.builder().name(name).help(help);
        values.forEach((key, value) -> builder.dataPoint(CounterSnapshot.CounterDataPointSnapshot.builder()
                .labels(Labels.of(label, key))
                .value((double) value)
                .build()));
        return builder.build();
    }
}
