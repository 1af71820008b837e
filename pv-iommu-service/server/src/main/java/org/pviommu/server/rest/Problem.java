package org.pviommu.server.rest;

import io.micronaut.serde.annotation.Serdeable;

/**
 * An error, RFC 9457.
 *
 * @param type kind of problem; about:blank says that the status tells it
 * @param title name of the status
 * @param status HTTP status
 * @param detail what was wrong: the value and the limit
 */
@Serdeable
public record Problem(String type, String title, int status, String detail) {}
