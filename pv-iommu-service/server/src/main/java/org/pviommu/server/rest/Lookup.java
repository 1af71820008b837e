package org.pviommu.server.rest;

import jakarta.inject.Singleton;
import org.pviommu.engine.AddressSpace;
import org.pviommu.engine.EndpointDescriptor;
import org.pviommu.engine.Guest;
import org.pviommu.server.EndpointId;
import org.pviommu.server.IommuService;

/** From ids in a path to objects, or to the right error: 400 for an id that cannot be one, 404 for one nobody has. */
@Singleton
final class Lookup {
    private static final int MAX_CONTEXT = 0xffff;

    private final IommuService service;

    Lookup(IommuService service) {
        this.service = service;
    }

    /** An endpoint and the guest it belongs to. */
    record Owned(Guest guest, EndpointDescriptor endpoint) {}

    Guest guest(String id) {
        return guest(Refusal.canonicalId("guest", id, Integer.MAX_VALUE));
    }

    Guest guest(int guestId) {
        Guest guest = service.engine().guest(guestId);
        if (guest == null) {
            throw Refusal.notFound("guest=" + guestId + " is not connected");
        }
        return guest;
    }

    AddressSpace addressSpace(Guest guest, String context) {
        int number = Refusal.canonicalId("context", context, MAX_CONTEXT);
        for (AddressSpace space : guest.addressSpaces()) {
            if (space.context() == number) {
                return space;
            }
        }
        throw Refusal.notFound("context=" + number + " does not exist in guest=" + guest.id());
    }

    Owned endpoint(String id) {
        int endpointId = Refusal.parsing(() -> EndpointId.parse(id));
        for (Guest guest : service.engine().guests()) {
            for (EndpointDescriptor endpoint : guest.endpoints()) {
                if (endpoint.endpointId() == endpointId) {
                    return new Owned(guest, endpoint);
                }
            }
        }
        throw Refusal.notFound("endpoint=" + EndpointId.format(endpointId) + " belongs to no connected guest");
    }
}
