package org.pviommu.server.rest;

import io.micronaut.serde.annotation.Serdeable;

/**
 * Whether the service does its work.
 *
 * @param status UP or DOWN
 */
@Serdeable
public record HealthView(String status) {}
