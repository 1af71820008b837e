package org.pviommu.server.rest;

import io.micronaut.health.HealthStatus;
import io.micronaut.management.health.indicator.HealthIndicator;
import io.micronaut.management.health.indicator.HealthResult;
import jakarta.inject.Singleton;
import java.util.Map;
import org.pviommu.server.IommuService;
import org.reactivestreams.Publisher;
import reactor.core.publisher.Mono;

/** Our part of the management endpoint {@code /health}, for tools that expect one there. */
@Singleton
final class IommuHealth implements HealthIndicator {
    private final IommuService service;

    IommuHealth(IommuService service) {
        this.service = service;
    }

    @Override
    public Publisher<HealthResult> getResult() {
        HealthStatus status = service.isServing() ? HealthStatus.UP : HealthStatus.DOWN;
        return Mono.just(HealthResult.builder("pv-iommu", status)
                .details(Map.of("backend", service.engine().hostCapabilities().name()))
                .build());
    }
}
