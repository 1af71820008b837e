package org.pviommu.server.rest;

import io.micronaut.http.HttpStatus;
import io.micronaut.http.exceptions.HttpStatusException;
import org.jspecify.annotations.Nullable;

/** A refusal whose words go to the client whatever its status, with what was recorded until then. */
final class Refused extends HttpStatusException {
    private static final long serialVersionUID = 1L;

    private final @Nullable Long journalIndex;

    Refused(HttpStatus status, String detail, @Nullable Long journalIndex) {
        super(status, detail);
        this.journalIndex = journalIndex;
    }

    String detail() {
        return String.valueOf(getMessage());
    }

    @Nullable
    Long journalIndex() {
        return journalIndex;
    }
}
