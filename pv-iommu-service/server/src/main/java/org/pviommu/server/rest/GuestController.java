package org.pviommu.server.rest;

import io.micronaut.http.annotation.Controller;
import io.micronaut.http.annotation.Get;
import io.micronaut.scheduling.TaskExecutors;
import io.micronaut.scheduling.annotation.ExecuteOn;
import org.pviommu.server.IommuService;

/** Guests that are connected. */
@Controller("/api/v1/guests")
@ExecuteOn(TaskExecutors.BLOCKING)
class GuestController {
    private final IommuService service;
    private final Lookup lookup;

    GuestController(IommuService service, Lookup lookup) {
        this.service = service;
        this.lookup = lookup;
    }

    /** All guests that are connected, by id. */
    @Get
    GuestList guests() {
        return new GuestList(
                service.engine().guests().stream().map(Views::guest).toList());
    }

    /**
     * One guest.
     *
     * @param id guest id, decimal
     */
    @Get("/{id}")
    GuestView guest(String id) {
        return Views.guest(lookup.guest(id));
    }
}
