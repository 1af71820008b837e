package org.pviommu.server.rest;

import io.micronaut.serde.annotation.Serdeable;
import java.util.List;

/**
 * All endpoints of connected guests, by id.
 *
 * @param endpoints the endpoints
 */
@Serdeable
public record EndpointList(List<EndpointView> endpoints) {}
