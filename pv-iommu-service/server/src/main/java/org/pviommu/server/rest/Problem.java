package org.pviommu.server.rest;

import com.fasterxml.jackson.annotation.JsonInclude;
import io.micronaut.serde.annotation.Serdeable;
import org.jspecify.annotations.Nullable;

/**
 * An error, RFC 9457.
 *
 * @param type kind of problem; about:blank says that the status tells it
 * @param title name of the status
 * @param status HTTP status
 * @param detail what was wrong: the value and the limit
 * @param journalIndex the journal's last record when something of this request had been recorded; otherwise missing
 */
@Serdeable
public record Problem(
        String type,
        String title,
        int status,
        String detail,
        @JsonInclude(JsonInclude.Include.NON_NULL) @Nullable Long journalIndex) {}
