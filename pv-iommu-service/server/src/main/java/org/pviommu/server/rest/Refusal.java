package org.pviommu.server.rest;

import io.micronaut.http.HttpStatus;
import io.micronaut.http.exceptions.HttpStatusException;
import java.util.function.Supplier;
import org.pviommu.server.Text;

/** Makes the errors that are the client's fault. Their messages go to the client: values and limits, nothing else. */
final class Refusal {
    private Refusal() {}

    static HttpStatusException badRequest(String detail) {
        return new HttpStatusException(HttpStatus.BAD_REQUEST, detail);
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
