package org.pviommu.server.rest;

import io.micronaut.core.convert.exceptions.ConversionErrorException;
import io.micronaut.http.HttpStatus;
import io.micronaut.http.MediaType;
import io.micronaut.http.MutableHttpResponse;
import io.micronaut.http.server.exceptions.response.ErrorContext;
import io.micronaut.http.server.exceptions.response.ErrorResponseProcessor;
import jakarta.inject.Singleton;
import org.pviommu.server.Text;

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
        Refused ours = context.getRootCause().orElse(null) instanceof Refused refused ? refused : null;
        Problem problem = ours == null
                ? of(status, detail(context, status))
                : new Problem(TYPE, status.getReason(), status.getCode(), ours.detail(), ours.journalIndex());
        return response.body(problem).contentType(MediaType.APPLICATION_JSON_PROBLEM_TYPE);
    }

    /** A problem whose kind is told by the status alone. */
    static Problem of(HttpStatus status, String detail) {
        return new Problem(TYPE, status.getReason(), status.getCode(), detail, null);
    }

    private static String detail(ErrorContext context, HttpStatus status) {
        if (status.getCode() >= HttpStatus.INTERNAL_SERVER_ERROR.getCode()) {
            return "the service failed on this request; its log says why";
        }
        String detail = context.getRootCause()
                .filter(ConversionErrorException.class::isInstance)
                .map(ProblemErrors::unreadable)
                .orElseGet(() -> message(context, status));
        return detail.replaceAll("[\\p{Cntrl}]+", " ");
    }

    private static String message(ErrorContext context, HttpStatus status) {
        return context.hasErrors() ? context.getErrors().getFirst().getMessage() : status.getReason();
    }

    /**
     * A body or parameter that cannot be read. The framework's own message tells classes of ours; what the parser said in
     * the first place tells what is wrong, up to where it tells its own position and settings.
     */
    private static String unreadable(Throwable conversion) {
        Throwable cause = conversion;
        while (cause.getCause() != null) {
            cause = cause.getCause();
        }
        String message = String.valueOf(cause.getMessage());
        int position = message.indexOf(" at [Source");
        String said = position < 0 ? message : message.substring(0, position);
        return "cannot be read: "
                + Text.quote(said.replaceAll("\\b(class )?([a-z]+\\.)+[A-Z][\\w$]*", "value")
                        .strip());
    }
}
