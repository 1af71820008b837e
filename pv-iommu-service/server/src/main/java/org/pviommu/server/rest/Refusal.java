package org.pviommu.server.rest;

import io.micronaut.http.HttpStatus;
import io.micronaut.http.exceptions.HttpStatusException;
import java.util.function.Supplier;
import org.pviommu.engine.EngineException;
import org.pviommu.server.Text;

/** Makes the errors that are the client's fault. Their messages go to the client: values and limits, nothing else. */
final class Refusal {
    private Refusal() {}

    static HttpStatusException badRequest(String detail) {
        return new HttpStatusException(HttpStatus.BAD_REQUEST, detail);
    }

    /** The request is a good one, and the state of things does not allow it now. */
    static HttpStatusException conflict(String detail) {
        return new HttpStatusException(HttpStatus.CONFLICT, detail);
    }

    /** It could be read, and cannot be done whatever the state is: a range beyond its limits. */
    static HttpStatusException unprocessable(String detail) {
        return new HttpStatusException(HttpStatus.UNPROCESSABLE_ENTITY, detail);
    }

    /** Later it may work: the service cannot do it now, through no fault of the client. */
    static Refused unavailable(String detail) {
        return new Refused(HttpStatus.SERVICE_UNAVAILABLE, detail, null);
    }

    static HttpStatusException of(EngineException refused) {
        String detail = String.valueOf(refused.getMessage());
        return switch (refused.kind()) {
            case INVALID -> unprocessable(detail);
            case NOT_FOUND -> notFound(detail);
            // HOST too: what the host IOMMU has not let go of is held, and the request can be repeated.
            case EXISTS, BUSY, LIMIT, HOST -> conflict(detail);
            case NO_ROOM -> unavailable(detail);
        };
    }

    static HttpStatusException notFound(String detail) {
        return new HttpStatusException(HttpStatus.NOT_FOUND, detail);
    }

    /** Runs a parser whose {@link IllegalArgumentException} names value and limit, and makes it a 400. */
    static <T> T parsing(Supplier<T> parser) {
        try {
            return parser.get();
        } catch (IllegalArgumentException wrong) {
            throw badRequest(String.valueOf(wrong.getMessage()));
        }
    }

    /** A number in its one canonical spelling, decimal without leading zeros (catalogue F07). */
    static int canonicalId(String name, String text, int max) {
        if (!Text.isCanonicalDecimal(text)) {
            throw badRequest(name + "=" + Text.quote(text) + " is not a decimal number without leading zeros");
        }
        return (int) (long) parsing(() -> Text.parseUnsigned(name, text, max));
    }
}
