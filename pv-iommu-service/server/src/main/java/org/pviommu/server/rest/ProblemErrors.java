package org.pviommu.server.rest;

import io.micronaut.http.HttpStatus;
import io.micronaut.http.MediaType;
import io.micronaut.http.MutableHttpResponse;
import io.micronaut.http.server.exceptions.response.ErrorContext;
import io.micronaut.http.server.exceptions.response.ErrorResponseProcessor;
import jakarta.inject.Singleton;

/**
 * Every error response of the server, ours or the framework's, in one form: RFC 9457. An error of ours (5xx) says
 * nothing about its cause, which is in the log: no stack trace, no address, no file name leaves (catalogue F11).
 */
@Singleton
final class ProblemErrors implements ErrorResponseProcessor<Problem> {
    private static final String TYPE = "about:blank";

    @Override
    public MutableHttpResponse<Problem> processResponse(ErrorContext context, MutableHttpResponse<?> response) {
        HttpStatus status = response.status();
        return response.body(of(status, detail(context, status))).contentType(MediaType.APPLICATION_JSON_PROBLEM_TYPE);
    }

    /** A problem whose kind is told by the status alone. */
    static Problem of(HttpStatus status, String detail) {
        return new Problem(TYPE, status.getReason(), status.getCode(), detail);
    }

    private static String detail(ErrorContext context, HttpStatus status) {
        if (status.getCode() >= HttpStatus.INTERNAL_SERVER_ERROR.getCode()) {
            return "the service failed on this request; its log says why";
        }
        if (!context.hasErrors()) {
            return status.getReason();
        }
        return context.getErrors().getFirst().getMessage().replaceAll("[\\p{Cntrl}]+", " ");
    }
}
