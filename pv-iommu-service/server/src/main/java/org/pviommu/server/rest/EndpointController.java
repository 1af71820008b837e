package org.pviommu.server.rest;

import io.micronaut.http.annotation.Body;
import io.micronaut.http.annotation.Controller;
import io.micronaut.http.annotation.Get;
import io.micronaut.http.annotation.Post;
import io.micronaut.scheduling.TaskExecutors;
import io.micronaut.scheduling.annotation.ExecuteOn;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.pviommu.engine.EndpointDescriptor;
import org.pviommu.engine.Guest;
import org.pviommu.server.IommuService;

/** Devices, and DMA by simulated ones. */
@Controller("/api/v1/endpoints")
@ExecuteOn(TaskExecutors.BLOCKING)
class EndpointController {
    private final IommuService service;
    private final Lookup lookup;
    private final SimulatedDevice device;

    EndpointController(IommuService service, Lookup lookup, SimulatedDevice device) {
        this.service = service;
        this.lookup = lookup;
        this.device = device;
    }

    /** All endpoints of connected guests, by id. */
    @Get
    EndpointList endpoints() {
        List<EndpointView> views = new ArrayList<>();
        for (Guest guest : service.engine().guests()) {
            for (EndpointDescriptor endpoint : guest.endpoints()) {
                views.add(Views.endpoint(guest, endpoint));
            }
        }
        views.sort(Comparator.comparing(EndpointView::id));
        return new EndpointList(views);
    }

    /**
     * One endpoint.
     *
     * @param id PCI address like 0000:01:00.0
     */
    @Get("/{id}")
    EndpointView endpoint(String id) {
        Lookup.Owned owned = lookup.endpoint(id);
        return Views.endpoint(owned.guest(), owned.endpoint());
    }

    /**
     * Lets a simulated device read or write memory by DMA, translated and possibly refused by the host IOMMU. Pages that
     * are refused are part of the answer.
     *
     * @param id PCI address like 0000:01:00.0
     * @param request what the device shall do
     */
    @Post("/{id}/dma")
    DmaResult dma(String id, @Body DmaRequest request) {
        return device.perform(lookup.endpoint(id).endpoint().endpointId(), request);
    }
}
