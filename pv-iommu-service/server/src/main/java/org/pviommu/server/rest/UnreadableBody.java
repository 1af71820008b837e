package org.pviommu.server.rest;

import io.micronaut.http.HttpRequest;
import io.micronaut.http.HttpResponse;
import io.micronaut.http.HttpStatus;
import io.micronaut.http.MediaType;
import io.micronaut.http.server.exceptions.ExceptionHandler;
import io.netty.handler.codec.compression.DecompressionException;
import jakarta.inject.Singleton;

/** A body that is not what its Content-Encoding says is the client's mistake, and no line in our log (catalogue F03). */
@Singleton
final class UnreadableBody implements ExceptionHandler<DecompressionException, HttpResponse<Problem>> {
    @Override
    @SuppressWarnings("rawtypes") // the interface is declared so
    public HttpResponse<Problem> handle(HttpRequest request, DecompressionException unreadable) {
        return HttpResponse.badRequest(
                        ProblemErrors.of(HttpStatus.BAD_REQUEST, "the body is not what its Content-Encoding says"))
                .contentType(MediaType.APPLICATION_JSON_PROBLEM_TYPE);
    }
}
