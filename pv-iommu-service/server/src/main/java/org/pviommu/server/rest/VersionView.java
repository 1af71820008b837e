package org.pviommu.server.rest;

import io.micronaut.serde.annotation.Serdeable;

/**
 * Versions.
 *
 * @param service version of this build
 * @param api version of this API
 * @param ringProtocol version of the ring transport
 * @param java version of the Java runtime
 */
@Serdeable
public record VersionView(String service, String api, long ringProtocol, String java) {}
