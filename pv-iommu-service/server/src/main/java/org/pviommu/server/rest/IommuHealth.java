package org.pviommu.server.rest;

import io.micronaut.core.async.publisher.Publishers;
import io.micronaut.health.HealthStatus;
import io.micronaut.management.health.indicator.HealthIndicator;
import io.micronaut.management.health.indicator.HealthResult;
import jakarta.inject.Singleton;
import java.util.Map;
import org.pviommu.server.IommuService;
import org.reactivestreams.Publisher;

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
        return Publishers.just(HealthResult.builder("pv-iommu", status)
                .details(Map.of("backend", service.engine().hostCapabilities().name()))
                .build());
    }
}
