package org.pviommu.server.rest;

import io.micronaut.http.MediaType;
import io.micronaut.http.annotation.Controller;
import io.micronaut.http.annotation.Get;
import io.micronaut.http.annotation.Produces;
import io.micronaut.http.sse.Event;
import io.swagger.v3.oas.annotations.media.Content;
import io.swagger.v3.oas.annotations.media.Schema;
import io.swagger.v3.oas.annotations.responses.ApiResponse;
import org.reactivestreams.Publisher;

/** What happens, while it happens. */
@Controller("/api/v1/events")
class EventController {
    private final EventFeed feed;

    EventController(EventFeed feed) {
        this.feed = feed;
    }

    /**
     * A stream of server-sent events, until the client or the service ends it: {@code record} and {@code fault} with a record of
     * the journal, its sequence number as id; {@code missed} with how many records were left out, because they came too fast or
     * the client takes them too slowly; {@code alive} every few seconds. At most 16 clients.
     */
    @Get
    @Produces(MediaType.TEXT_EVENT_STREAM)
    @ApiResponse(
            responseCode = "200",
            description = "events",
            content = @Content(mediaType = MediaType.TEXT_EVENT_STREAM, schema = @Schema(type = "string")))
    Publisher<Event<String>> events() {
        return feed.join();
    }
}
