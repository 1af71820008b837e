package org.pviommu.server.rest;

import io.micronaut.http.annotation.Controller;
import io.micronaut.http.annotation.Get;
import io.micronaut.scheduling.TaskExecutors;
import io.micronaut.scheduling.annotation.ExecuteOn;
import java.util.List;
import org.pviommu.engine.Guest;
import org.pviommu.server.IommuService;
import org.pviommu.server.Version;

/** The service itself: counters, versions, health. */
@Controller("/api/v1")
@ExecuteOn(TaskExecutors.BLOCKING)
class ServiceController {
    private final IommuService service;

    ServiceController(IommuService service) {
        this.service = service;
    }

    /** Counters of the service and its newest faults. */
    @Get("/stats")
    StatsView stats() {
        List<Guest> guests = service.engine().guests();
        return new StatsView(
                service.uptimeSeconds(),
                service.engine().hostCapabilities().name(),
                guests.size(),
                Views.sum(guests),
                service.faults().total(),
                Views.faults(service.faults().newest()));
    }

    /** Versions of the service, the API, the ring transport and Java. */
    @Get("/version")
    VersionView version() {
        return new VersionView(Version.SERVICE, "1", Version.RING_PROTOCOL, Version.java());
    }

    /** Whether guests are being served. */
    @Get("/health")
    HealthView health() {
        return new HealthView(service.isServing() ? "UP" : "DOWN");
    }
}
