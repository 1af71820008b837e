package org.pviommu.server.rest;

import io.prometheus.metrics.model.snapshots.CounterSnapshot;
import io.prometheus.metrics.model.snapshots.Labels;
import io.prometheus.metrics.model.snapshots.MetricSnapshot;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.ToLongFunction;
import org.pviommu.engine.RequestStatus;
import org.pviommu.server.EndpointId;
import org.pviommu.server.vhost.VirtualMachines;
import org.pviommu.virtio.block.BlockCounters;
import org.pviommu.virtio.iommu.RequestCounters;
import org.pviommu.virtio.vhost.VhostCounters;
import org.pviommu.virtio.vhost.VhostServer;

/** What the devices of virtual machines did. The labels are configured guests and endpoints, so there are as many series as those. */
final class MachineMetrics {
    private MachineMetrics() {}

    static List<MetricSnapshot> of(VirtualMachines machines) {
        List<MetricSnapshot> all = new ArrayList<>();
        all.add(requests(machines.requests()));
        all.add(dropped(machines.droppedFaults()));
        Map<Integer, BlockCounters> disks = machines.disks();
        all.add(disk(disks, "pvi_disk_requests", "Requests taken.", BlockCounters::requests));
        all.add(disk(
                disks, "pvi_disk_failed_requests", "Requests not answered with OK.", BlockCounters::failedRequests));
        all.add(disk(disks, "pvi_disk_read_bytes", "Bytes read from the image.", BlockCounters::bytesRead));
        all.add(disk(disks, "pvi_disk_written_bytes", "Bytes written to it.", BlockCounters::bytesWritten));
        all.add(disk(
                disks,
                "pvi_disk_translated_bytes",
                "Bytes of DMA that were translated.",
                BlockCounters::bytesTranslated));
        all.add(disk(disks, "pvi_disk_bypassing_bytes", "Bytes of DMA that were not.", BlockCounters::bytesBypassing));
        all.add(disk(disks, "pvi_disk_refused_accesses", "Refused accesses.", BlockCounters::refusedAccesses));
        all.add(sockets(machines.servers()));
        return all;
    }

    private static MetricSnapshot requests(Map<Integer, RequestCounters> devices) {
        CounterSnapshot.Builder builder = CounterSnapshot.builder()
                .name("pvi_iommu_requests")
                .help("Requests of virtio-iommu drivers, by answer.");
        devices.forEach((guest, counters) -> {
            for (int status = 0; status < RequestCounters.STATUSES; status++) {
                add(builder, guest, RequestStatus.name(status).toUpperCase(Locale.ROOT), counters.answered(status));
            }
            add(builder, guest, "unanswered", counters.unanswered());
        });
        return builder.build();
    }

    private static void add(CounterSnapshot.Builder builder, int guest, String status, long value) {
        builder.dataPoint(point(Labels.of("guest", Integer.toString(guest), "status", status), value));
    }

    private static MetricSnapshot dropped(Map<Integer, Long> faults) {
        CounterSnapshot.Builder builder = CounterSnapshot.builder()
                .name("pvi_iommu_dropped_faults")
                .help("Faults that the driver left no room for.");
        faults.forEach((guest, count) -> builder.dataPoint(point(Labels.of("guest", Integer.toString(guest)), count)));
        return builder.build();
    }

    private static MetricSnapshot disk(
            Map<Integer, BlockCounters> disks, String name, String help, ToLongFunction<BlockCounters> figure) {
        CounterSnapshot.Builder builder = CounterSnapshot.builder().name(name).help(help);
        disks.forEach((endpoint, counters) -> builder.dataPoint(
                point(Labels.of("endpoint", EndpointId.format(endpoint)), figure.applyAsLong(counters))));
        return builder.build();
    }

    /** All sockets together: a path is no label. */
    private static MetricSnapshot sockets(List<VhostServer> servers) {
        CounterSnapshot.Builder builder =
                CounterSnapshot.builder().name("pvi_vhost_events").help("On vhost-user sockets.");
        event(builder, servers, "connection", VhostCounters::connections);
        event(builder, servers, "refused_connection", VhostCounters::refusedConnections);
        event(builder, servers, "message", VhostCounters::messages);
        event(builder, servers, "refused_message", VhostCounters::refusedMessages);
        event(builder, servers, "protocol_error", VhostCounters::protocolErrors);
        event(builder, servers, "stopped_queue", VhostCounters::stoppedQueues);
        event(builder, servers, "internal_error", VhostCounters::internalErrors);
        return builder.build();
    }

    private static void event(
            CounterSnapshot.Builder builder,
            List<VhostServer> servers,
            String event,
            ToLongFunction<VhostCounters> figure) {
        long sum = servers.stream()
                .mapToLong(server -> figure.applyAsLong(server.counters()))
                .sum();
        builder.dataPoint(point(Labels.of("event", event), sum));
    }

    private static CounterSnapshot.CounterDataPointSnapshot point(Labels labels, long value) {
        return CounterSnapshot.CounterDataPointSnapshot.builder()
                .labels(labels)
                .value((double) value)
                .build();
    }
}
