package org.pviommu.server.rest;

import io.micronaut.http.HttpRequest;
import io.micronaut.http.HttpStatus;
import io.micronaut.http.annotation.Body;
import io.micronaut.http.annotation.Controller;
import io.micronaut.http.annotation.Get;
import io.micronaut.http.annotation.Post;
import io.micronaut.http.annotation.Status;
import io.micronaut.http.exceptions.HttpStatusException;
import io.micronaut.scheduling.TaskExecutors;
import io.micronaut.scheduling.annotation.ExecuteOn;
import java.util.List;
import java.util.Objects;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.pviommu.engine.Access;
import org.pviommu.engine.EngineException;
import org.pviommu.engine.Grant;
import org.pviommu.engine.Guest;
import org.pviommu.server.IommuService;
import org.pviommu.server.Text;
import org.pviommu.server.grants.Grants;

/** Frames of one guest that another one may map. The operator gives and takes in the owner's name. */
@Controller("/api/v1")
@ExecuteOn(TaskExecutors.BLOCKING)
class GrantController {
    /** All 64 bits: which frame numbers there are is the engine's to say. */
    private static final long ANY = -1;

    private final Grants grants;
    private final Lookup lookup;
    private final Operator operator;

    GrantController(IommuService service, Lookup lookup, Operator operator) {
        this.grants = service.grants();
        this.lookup = lookup;
        this.operator = operator;
    }

    /** All grants, by grantee and frame. */
    @Get("/grants")
    GrantList grants() {
        return new GrantList(views(grant -> true));
    }

    /**
     * Grants that a guest has given and received.
     *
     * @param id guest id, decimal
     */
    @Get("/guests/{id}/grants")
    GuestGrants ofGuest(String id) {
        return ofGuest(lookup.guest(id).id());
    }

    private GuestGrants ofGuest(int guest) {
        return new GuestGrants(
                guest, views(grant -> grant.ownerId() == guest), views(grant -> grant.granteeId() == guest));
    }

    /**
     * Lets another guest map frames of this one. The grantee is not asked: that is for grants that guests make themselves.
     *
     * @param id id of the owner, decimal
     * @param request which frames, and to whom
     * @param http the request itself
     */
    @Post("/guests/{id}/grants")
    @Status(HttpStatus.CREATED)
    GrantView give(String id, @Body GrantRequest request, HttpRequest<?> http) {
        Guest owner = lookup.guest(id);
        Guest grantee = lookup.guest(required("grantee", request.grantee()));
        long firstMfn = frame("firstMfn", request.firstMfn());
        long pages = required("pages", request.pages());
        long granteeFirstMfn = frame("granteeFirstMfn", request.granteeFirstMfn());
        int access = access(required("access", request.access()));
        operator.change(
                http,
                () -> grants.give(owner.id(), firstMfn, pages, grantee.id(), granteeFirstMfn, access),
                refused -> refusal(refused, owner, grantee));
        return Views.grant(new Grant(owner.id(), firstMfn, pages, grantee.id(), granteeFirstMfn, access, false, 0));
    }

    /**
     * Takes a grant of this guest back: the grantee maps nothing new; with force, what it has mapped is unmapped and flushed.
     *
     * @param id id of the owner, decimal
     * @param request which grant
     * @param http the request itself
     */
    @Post("/guests/{id}/grants/revoke")
    GuestGrants revoke(String id, @Body RevokeRequest request, HttpRequest<?> http) {
        Guest owner = lookup.guest(id);
        int grantee = lookup.guest(required("grantee", request.grantee())).id();
        long granteeFirstMfn = frame("granteeFirstMfn", request.granteeFirstMfn());
        boolean force = Boolean.TRUE.equals(request.force());
        operator.change(http, () -> grants.revoke(owner.id(), grantee, granteeFirstMfn, force), Refusal::of);
        return ofGuest(owner.id()); // not by looking it up: one that had left is gone now
    }

    private List<GrantView> views(Predicate<Grant> wanted) {
        return grants.all().stream().filter(wanted).map(Views::grant).toList();
    }

    /** What is not found, when both guests are here, are frames: a range that the owner does not have. */
    private static HttpStatusException refusal(EngineException refused, Guest owner, Guest grantee) {
        if (refused.kind() != EngineException.Kind.NOT_FOUND) {
            return Refusal.of(refused);
        }
        String detail = String.valueOf(refused.getMessage());
        return owner.isAlive() && grantee.isAlive() ? Refusal.unprocessable(detail) : Refusal.conflict(detail);
    }

    private static <T> T required(String name, @Nullable T value) {
        if (value == null) {
            throw Refusal.badRequest(name + " is missing");
        }
        return value;
    }

    private static long frame(String name, @Nullable String text) {
        String given = required(name, text);
        return Refusal.parsing(() -> Text.parseUnsigned(name, given, ANY));
    }

    private static int access(String name) {
        for (int access : new int[] {Access.READ, Access.READ_WRITE}) {
            if (Objects.equals(Access.name(access), name)) {
                return access;
            }
        }
        throw Refusal.badRequest("access=" + Text.quote(name) + " known: r-, rw");
    }
}
