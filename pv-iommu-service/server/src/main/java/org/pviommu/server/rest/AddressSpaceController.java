package org.pviommu.server.rest;

import io.micronaut.http.annotation.Controller;
import io.micronaut.http.annotation.Get;
import io.micronaut.http.annotation.QueryValue;
import io.micronaut.scheduling.TaskExecutors;
import io.micronaut.scheduling.annotation.ExecuteOn;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.pviommu.engine.Access;
import org.pviommu.engine.AddressSpace;
import org.pviommu.engine.Guest;
import org.pviommu.engine.Mapping;
import org.pviommu.engine.Translation;
import org.pviommu.server.IommuService;
import org.pviommu.server.Text;

/** Address spaces: what they map, and what one bus address reaches. Ranges are inclusive. */
@Controller("/api/v1")
@ExecuteOn(TaskExecutors.BLOCKING)
class AddressSpaceController {
    /** Runs in one answer: 4096 of about 110 bytes each are 450 KiB. */
    static final int MAX_LIMIT = 4096;

    private final IommuService service;
    private final Lookup lookup;

    AddressSpaceController(IommuService service, Lookup lookup) {
        this.service = service;
        this.lookup = lookup;
    }

    /** All address spaces, by guest and context. */
    @Get("/address-spaces")
    AddressSpaceList addressSpaces() {
        List<AddressSpaceView> views = new ArrayList<>();
        for (Guest guest : service.engine().guests()) {
            for (AddressSpace space : guest.addressSpaces()) {
                views.add(Views.addressSpace(guest, space, lastBfn()));
            }
        }
        return new AddressSpaceList(views);
    }

    /**
     * One address space.
     *
     * @param id guest id, decimal
     * @param context context number, decimal
     */
    @Get("/guests/{id}/address-spaces/{context}")
    AddressSpaceView addressSpace(String id, String context) {
        Guest guest = lookup.guest(id);
        return Views.addressSpace(guest, lookup.addressSpace(guest, context), lastBfn());
    }

    /**
     * What is mapped, as runs in ascending order, a part at a time.
     *
     * @param id guest id, decimal
     * @param context context number, decimal
     * @param from first bus frame of interest, hex with 0x or decimal
     * @param limit most runs to return, 1 to 4096
     */
    @Get("/guests/{id}/address-spaces/{context}/mappings")
    MappingPage mappings(
            String id,
            String context,
            @QueryValue(defaultValue = "0x0") String from,
            @QueryValue(defaultValue = "256") String limit) {
        AddressSpace space = lookup.addressSpace(lookup.guest(id), context);
        long fromBfn = Refusal.parsing(() -> Text.parseUnsigned("from", from, lastBfn()));
        int runs = Refusal.canonicalId("limit", limit, MAX_LIMIT);
        if (runs == 0) {
            throw Refusal.badRequest("limit=0 min=1 max=" + MAX_LIMIT);
        }
        List<Mapping> mappings = space.mappings(fromBfn, runs);
        return new MappingPage(
                space.guestId(),
                space.context(),
                mappings.stream().map(Views::mapping).toList(),
                next(space, mappings, runs));
    }

    /** A full part may be followed by another one; an address space that ends at the aperture's end is not. */
    private @Nullable String next(AddressSpace space, List<Mapping> mappings, int limit) {
        if (mappings.size() < limit) {
            return null;
        }
        Mapping last = mappings.getLast();
        long nextBfn = last.firstBfn() + last.pages();
        if (nextBfn > lastBfn()) {
            return null;
        }
        return "/api/v1/guests/" + space.guestId() + "/address-spaces/" + space.context() + "/mappings?from="
                + Text.hex(nextBfn) + "&limit=" + limit;
    }

    /**
     * What one bus address reaches; 404 when nothing is mapped there.
     *
     * @param id guest id, decimal
     * @param context context number, decimal
     * @param iova bus address in bytes; give this or bfn
     * @param bfn bus frame; give this or iova
     */
    @Get("/guests/{id}/address-spaces/{context}/translate")
    TranslationView translate(
            String id, String context, @QueryValue @Nullable String iova, @QueryValue @Nullable String bfn) {
        AddressSpace space = lookup.addressSpace(lookup.guest(id), context);
        long iovaBytes = iovaBytes(iova, bfn);
        Translation found = space.translate(iovaBytes >>> Views.PAGE_SHIFT);
        if (found == null) {
            throw Refusal.notFound("iova=" + Text.hex(iovaBytes) + " bfn=" + Text.hex(iovaBytes >>> Views.PAGE_SHIFT)
                    + " is not mapped in guest=" + space.guestId() + " context=" + space.context());
        }
        return new TranslationView(
                Text.hex(iovaBytes),
                Text.hex(found.bfn()),
                Text.hex(found.mfn()),
                Text.hex((found.mfn() << Views.PAGE_SHIFT) | (iovaBytes & Views.PAGE_MASK)),
                Access.name(found.access()));
    }

    private long iovaBytes(@Nullable String iova, @Nullable String bfn) {
        if (iova != null && bfn == null) {
            long lastByte = (lastBfn() << Views.PAGE_SHIFT) | Views.PAGE_MASK;
            return Refusal.parsing(() -> Text.parseUnsigned("iova", iova, lastByte));
        }
        if (bfn != null && iova == null) {
            return Refusal.parsing(() -> Text.parseUnsigned("bfn", bfn, lastBfn())) << Views.PAGE_SHIFT;
        }
        throw Refusal.badRequest("give exactly one of iova and bfn");
    }

    private long lastBfn() {
        return service.engine().hostCapabilities().lastBfn();
    }
}
