package org.pviommu.server.rest;

import io.micronaut.http.annotation.Controller;
import io.micronaut.http.annotation.Get;
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

    GuestController(IommuService service, Lookup lookup) {
        this.service = service;
        this.lookup = lookup;
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
}
