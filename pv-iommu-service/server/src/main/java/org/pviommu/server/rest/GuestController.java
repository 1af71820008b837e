package org.pviommu.server.rest;

import io.micronaut.http.HttpRequest;
import io.micronaut.http.HttpStatus;
import io.micronaut.http.annotation.Controller;
import io.micronaut.http.annotation.Delete;
import io.micronaut.http.annotation.Get;
import io.micronaut.http.annotation.Status;
import io.micronaut.scheduling.TaskExecutors;
import io.micronaut.scheduling.annotation.ExecuteOn;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.pviommu.engine.Guest;
import org.pviommu.journal.Recovery;
import org.pviommu.server.IommuService;

/** Guests that are connected, and those that are waited for after a restart. */
@Controller("/api/v1/guests")
@ExecuteOn(TaskExecutors.BLOCKING)
class GuestController {
    private final IommuService service;
    private final Lookup lookup;
    private final Operator operator;

    GuestController(IommuService service, Lookup lookup, Operator operator) {
        this.service = service;
        this.lookup = lookup;
        this.operator = operator;
    }

    /** All guests that are connected or waited for, by id. */
    @Get
    GuestList guests() {
        Map<Integer, GuestView> views = new TreeMap<>();
        waiting().forEach(guest -> views.put(guest.id(), Views.waiting(guest)));
        service.engine().guests().forEach(guest -> views.put(guest.id(), Views.guest(guest)));
        return new GuestList(List.copyOf(views.values()));
    }

    private List<Guest> waiting() {
        Recovery recovery = service.recording().recovery();
        return recovery == null ? List.of() : recovery.waiting();
    }

    /**
     * One guest.
     *
     * @param id guest id, decimal
     */
    @Get("/{id}")
    GuestView guest(String id) {
        int number = Refusal.canonicalId("guest", id, Integer.MAX_VALUE);
        Recovery recovery = service.recording().recovery();
        Guest before = recovery == null ? null : recovery.before(number);
        return before == null || service.engine().guest(number) != null
                ? Views.guest(lookup.guest(number))
                : Views.waiting(before);
    }

    /**
     * Stops waiting for a guest that was there before the service started: what it had is gone, the journal need not keep it any
     * longer, and its endpoints are free. A guest that is connected cannot be forgotten; end its process.
     *
     * @param id guest id, decimal
     * @param http the request itself
     */
    @Delete("/{id}")
    @Status(HttpStatus.NO_CONTENT)
    void forget(String id, HttpRequest<?> http) {
        int number = Refusal.canonicalId("guest", id, Integer.MAX_VALUE);
        if (service.engine().guest(number) != null) {
            throw Refusal.conflict("guest=" + number + " is connected, only one that is waited for can be forgotten");
        }
        Recovery recovery = service.recording().recovery();
        if (recovery == null || !recovery.isWaiting(number)) {
            throw Refusal.notFound("guest=" + number + " is not waited for");
        }
        operator.change(http, () -> recovery.forget(number), Refusal::of);
    }
}
