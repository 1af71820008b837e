package org.pviommu.server.rest;

import io.prometheus.metrics.model.registry.MultiCollector;
import io.prometheus.metrics.model.snapshots.CounterSnapshot;
import io.prometheus.metrics.model.snapshots.GaugeSnapshot;
import io.prometheus.metrics.model.snapshots.InfoSnapshot;
import io.prometheus.metrics.model.snapshots.Labels;
import io.prometheus.metrics.model.snapshots.MetricSnapshot;
import io.prometheus.metrics.model.snapshots.MetricSnapshots;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.ToLongFunction;
import org.pviommu.engine.AddressSpace;
import org.pviommu.engine.Guest;
import org.pviommu.engine.GuestStats;
import org.pviommu.host.kernel.KernelIommu;
import org.pviommu.journal.Journal;
import org.pviommu.journal.Recovery;
import org.pviommu.journal.store.StoreState;
import org.pviommu.journal.store.StoreStats;
import org.pviommu.server.IommuService;
import org.pviommu.server.Version;

/**
 * The service's figures for Prometheus, read when they are asked for. The only label from outside is the number of a guest that is
 * connected, so there are as many series as guests, and those of a guest that left are gone.
 */
final class ServiceMetrics implements MultiCollector {
    private static final long TABLE_PAGE_BYTES = 4096;

    private final IommuService service;
    private final EventFeed events;

    ServiceMetrics(IommuService service, EventFeed events) {
        this.service = service;
        this.events = events;
    }

    @Override
    public MetricSnapshots collect() {
        List<MetricSnapshot> all = new ArrayList<>();
        service(all);
        if (service.host() instanceof KernelIommu kernel) {
            all.addAll(HostMetrics.of(kernel.statistics()));
        }
        if (!service.machines().servers().isEmpty()) {
            all.addAll(MachineMetrics.of(service.machines()));
        }
        guests(all, service.engine().guests());
        Journal journal = service.recording().journal();
        if (journal != null) {
            journal(all, journal.store().stats());
        }
        return new MetricSnapshots(all);
    }

    private void service(List<MetricSnapshot> all) {
        Recovery recovery = service.recording().recovery();
        all.add(InfoSnapshot.builder()
                .name("pvi_build")
                .help("Versions.")
                .dataPoint(InfoSnapshot.InfoDataPointSnapshot.builder()
                        .labels(Labels.of("version", Version.SERVICE, "java", Version.java()))
                        .build())
                .build());
        all.add(gauge("pvi_uptime_seconds", "Since the start.", service.uptimeSeconds()));
        all.add(gauge(
                "pvi_guests",
                "Guests that are connected.",
                service.engine().guests().size()));
        all.add(gauge(
                "pvi_guests_waiting",
                "Guests of before the start that have not come back.",
                recovery == null ? 0 : recovery.waiting().size()));
        all.add(counter(
                "pvi_dma_faults", "Refused DMA accesses.", service.faults().total()));
        all.add(gauge("pvi_event_clients", "Readers of the event stream.", events.clients()));
    }

    private static void guests(List<MetricSnapshot> all, List<Guest> guests) {
        counter(all, guests, "pvi_calls", "Hypercalls answered.", GuestStats::calls);
        counter(all, guests, "pvi_operations", "Operations that got a status.", GuestStats::operations);
        counter(all, guests, "pvi_maps", "Operations that mapped a page.", GuestStats::maps);
        counter(all, guests, "pvi_unmaps", "Operations that removed a page.", GuestStats::unmaps);
        counter(all, guests, "pvi_operation_failures", "Operations with a negative status.", GuestStats::failures);
        counter(all, guests, "pvi_flushes", "IOTLB flushes that completed.", GuestStats::flushes);
        counter(all, guests, "pvi_early_flushes", "Of those, at the bound on held frames.", GuestStats::earlyFlushes);
        counter(
                all,
                guests,
                "pvi_flush_failures",
                "Flushes that the host did not complete.",
                GuestStats::flushFailures);
        gauge(all, guests, "pvi_mapped_frames", "Pages that are mapped.", of(GuestStats::mappedFrames));
        gauge(all, guests, "pvi_held_frames", "Removed frames that wait for a flush.", of(GuestStats::heldFrames));
        gauge(all, guests, "pvi_registered_frames", "Frames of memory.", of(GuestStats::registeredFrames));
        gauge(all, guests, "pvi_owed_frames", "Bus frames whose flush is owed.", ServiceMetrics::owedPages);
        gauge(
                all,
                guests,
                "pvi_table_bytes",
                "Memory of tables.",
                guest -> guest.stats().tablePages() * TABLE_PAGE_BYTES);
    }

    private static ToLongFunction<Guest> of(ToLongFunction<GuestStats> figure) {
        return guest -> figure.applyAsLong(guest.stats());
    }

    private static long owedPages(Guest guest) {
        return guest.addressSpaces().stream().mapToLong(AddressSpace::owedPages).sum();
    }

    private static void journal(List<MetricSnapshot> all, StoreStats stats) {
        all.add(gauge("pvi_journal_ring_size_bytes", "Size of the ring before the disk.", stats.ringBytes()));
        all.add(gauge(
                "pvi_journal_ring_occupied_bytes", "What of it is in use or promised.", stats.ringOccupiedBytes()));
        all.add(gauge("pvi_journal_ring_peak_bytes", "The most of it that was in use.", stats.ringPeakBytes()));
        all.add(gauge("pvi_journal_last_sequence", "The last record.", stats.lastSequence()));
        all.add(gauge("pvi_journal_written_sequence", "The last record in the files.", stats.writtenSequence()));
        all.add(gauge("pvi_journal_synced_sequence", "The last record on the disk.", stats.syncedSequence()));
        all.add(counter("pvi_journal_waits", "Reservations that waited for the disk.", stats.waits()));
        all.add(counter("pvi_journal_refusals", "Reservations refused for lack of room.", stats.refusals()));
        all.add(counter("pvi_journal_lost_faults", "Refused DMA accesses not recorded.", stats.lost()));
        all.add(gauge("pvi_journal_segments", "Queue files.", stats.segments()));
        all.add(gauge("pvi_journal_bytes", "How long they are.", stats.bytes()));
        GaugeSnapshot.Builder states = GaugeSnapshot.builder()
                .name("pvi_journal_state")
                .help("1 for the state it is in: disk_full records removals only, failed nothing.");
        for (StoreState state : StoreState.values()) {
            Labels label = Labels.of("state", state.name().toLowerCase(Locale.ROOT));
            states.dataPoint(point(label, state == stats.state() ? 1 : 0));
        }
        all.add(states.build());
    }

    private static void counter(
            List<MetricSnapshot> all, List<Guest> guests, String name, String help, ToLongFunction<GuestStats> figure) {
        CounterSnapshot.Builder builder = CounterSnapshot.builder().name(name).help(help);
        for (Guest guest : guests) {
            builder.dataPoint(CounterSnapshot.CounterDataPointSnapshot.builder()
                    .labels(label(guest))
                    .value((double) figure.applyAsLong(guest.stats()))
                    .build());
        }
        all.add(builder.build());
    }

    private static void gauge(
            List<MetricSnapshot> all, List<Guest> guests, String name, String help, ToLongFunction<Guest> figure) {
        GaugeSnapshot.Builder builder = GaugeSnapshot.builder().name(name).help(help);
        guests.forEach(guest -> builder.dataPoint(point(label(guest), figure.applyAsLong(guest))));
        all.add(builder.build());
    }

    private static Labels label(Guest guest) {
        return Labels.of("guest", Integer.toString(guest.id()));
    }

    private static CounterSnapshot counter(String name, String help, long value) {
        return CounterSnapshot.builder()
                .name(name)
                .help(help)
                .dataPoint(CounterSnapshot.CounterDataPointSnapshot.builder()
                        .value((double) value)
                        .build())
                .build();
    }

    private static GaugeSnapshot gauge(String name, String help, long value) {
        return GaugeSnapshot.builder()
                .name(name)
                .help(help)
                .dataPoint(point(Labels.EMPTY, value))
                .build();
    }

    private static GaugeSnapshot.GaugeDataPointSnapshot point(Labels labels, long value) {
        return GaugeSnapshot.GaugeDataPointSnapshot.builder()
                .labels(labels)
                .value((double) value)
                .build();
    }
}
