package org.pviommu.server.rest;

import io.micrometer.core.instrument.binder.jvm.JvmMemoryMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmThreadMetrics;
import io.micrometer.core.instrument.binder.system.ProcessorMetrics;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import io.micronaut.http.annotation.Controller;
import io.micronaut.http.annotation.Get;
import io.micronaut.http.annotation.Produces;
import io.micronaut.scheduling.TaskExecutors;
import io.micronaut.scheduling.annotation.ExecuteOn;
import jakarta.annotation.PreDestroy;
import org.jspecify.annotations.Nullable;
import org.pviommu.server.IommuService;

/** Figures for Prometheus. The registry is made for the first scrape: the start does not wait for it. */
@Controller("/prometheus")
@ExecuteOn(TaskExecutors.BLOCKING)
class MetricsController {
    private static final String TEXT = "text/plain; version=0.0.4; charset=utf-8";

    private final IommuService service;
    private final EventFeed events;
    private @Nullable PrometheusMeterRegistry registry;

    MetricsController(IommuService service, EventFeed events) {
        this.service = service;
        this.events = events;
    }

    /** All figures of the service and its Java runtime, in the text format of Prometheus. */
    @Get
    @Produces(TEXT)
    String metrics() {
        return registry().scrape();
    }

    private synchronized PrometheusMeterRegistry registry() {
        PrometheusMeterRegistry made = registry;
        if (made == null) {
            made = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
            new JvmMemoryMetrics().bindTo(made);
            new JvmThreadMetrics().bindTo(made);
            new ProcessorMetrics().bindTo(made);
            made.getPrometheusRegistry().register(new ServiceMetrics(service, events));
            registry = made;
        }
        return made;
    }

    @PreDestroy
    synchronized void close() {
        if (registry != null) {
            registry.close();
        }
    }
}
