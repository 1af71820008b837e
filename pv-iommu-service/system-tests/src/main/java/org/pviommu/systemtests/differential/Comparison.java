package org.pviommu.systemtests.differential;

import static org.pviommu.systemtests.differential.Divergence.check;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;
import org.pviommu.engine.AddressSpace;
import org.pviommu.engine.Engine;
import org.pviommu.engine.Guest;
import org.pviommu.engine.GuestRegion;
import org.pviommu.engine.GuestStats;
import org.pviommu.engine.Translation;
import org.pviommu.host.Area;
import org.pviommu.host.SimulatedIommu;

/** Compares all there is of a guest, in the engine and in the host, with the model. */
final class Comparison {
    private final WorldShape shape;
    private final Engine engine;
    private final SimulatedIommu simulated;

    Comparison(WorldShape shape, Engine engine, SimulatedIommu simulated) {
        this.shape = shape;
        this.engine = engine;
        this.simulated = simulated;
    }

    void compare(Seat seat) {
        Guest guest = seat.guest();
        GuestModel model = seat.model;
        boolean gone = model.life == GuestModel.Life.GONE;
        Guest known = engine.guest(model.id());
        check(gone ? known == null : guest.equals(known), "%s is known as %s", model.life, known);
        check(guest.isAlive() == model.isAlive(), "alive=%s expected=%s", guest.isAlive(), model.life);
        compareRegions(guest, model);
        compareTables(guest, model);
        compareEndpoints(guest, model);
        compareHolds(guest, model);
        compareQuotas(guest, model);
    }

    private static void compareRegions(Guest guest, GuestModel model) {
        List<GuestRegion> regions = guest.regions();
        int n = 0;
        for (RegionModel expected : model.regions.values()) {
            check(n < regions.size(), "region %s is missing", expected);
            GuestRegion region = regions.get(n++);
            boolean equal = region.firstMfn() == expected.mfns.first()
                    && region.lastMfn() == expected.mfns.last()
                    && region.isGranted() == expected.isGranted()
                    && region.isRevoked() == expected.revoked;
            check(equal, "region %d..%d expected=%s", region.firstMfn(), region.lastMfn(), expected);
        }
        check(n == regions.size(), "%d regions, expected %d", regions.size(), n);
    }

    private void compareTables(Guest guest, GuestModel model) {
        List<AddressSpace> spaces = guest.addressSpaces();
        int n = 0;
        for (SpaceModel expected : model.spaces.values()) {
            check(
                    n < spaces.size() && spaces.get(n).context() == expected.context,
                    "context %d is missing",
                    expected.context);
            compareTable(spaces.get(n++), expected);
        }
        check(n == spaces.size(), "%d contexts, expected %d", spaces.size(), n);
    }

    private void compareTable(AddressSpace actual, SpaceModel expected) {
        check(actual.mappedPages() == expected.mappedPages(), "mappedPages=%d", actual.mappedPages());
        check(
                actual.owedPages() == expected.owed.size(),
                "owedPages=%d expected=%s",
                actual.owedPages(),
                expected.owed);
        for (long bfn : shape.bfns()) {
            SpaceModel.Page page = expected.page(bfn);
            Translation translation = actual.translate(bfn);
            boolean equal = page == null
                    ? translation == null
                    : translation != null && translation.mfn() == page.mfn() && translation.access() == page.access();
            check(equal, "context %d translates bfn=%d to %s, expected %s", expected.context, bfn, translation, page);
        }
    }

    /** Attachments, the host's tables behind them, and the rule of IOMMU groups: one address space, or blocked. */
    private void compareEndpoints(Guest guest, GuestModel model) {
        Map<Integer, Long> spaceOfGroup = new HashMap<>();
        for (GuestShape.Endpoint endpoint : model.shape.endpoints()) {
            int id = endpoint.endpointId();
            SpaceModel expected = model.spaceOfEndpoint(id);
            AddressSpace attached = guest.attachment(id);
            Integer context = attached == null ? null : attached.context();
            check(
                    expected == null ? context == null : context != null && context == expected.context,
                    "endpoint %d is attached to context %s, expected %s",
                    id,
                    context,
                    expected);
            OptionalLong inHost = simulated.spaceId(id);
            check(
                    inHost.equals(expected == null ? OptionalLong.empty() : OptionalLong.of(expected.hostSpace)),
                    "endpoint %d: in the host %s, expected %s",
                    id,
                    inHost,
                    expected);
            compareHostTable(id, expected);
            if (inHost.isPresent()) {
                Long others = spaceOfGroup.putIfAbsent(endpoint.group(), inHost.getAsLong());
                check(
                        others == null || others == inHost.getAsLong(),
                        "endpoint %d is apart from its group %d",
                        id,
                        endpoint.group());
            }
        }
    }

    private void compareHostTable(int endpoint, @Nullable SpaceModel expected) {
        long pages = 0;
        for (Area area : simulated.areas(endpoint)) {
            for (long bfn = area.firstBfn(); bfn <= area.lastBfn(); bfn++, pages++) {
                SpaceModel.Page page = expected == null ? null : expected.page(bfn);
                long frame = ((FrameMemory) area.memory()).frameAt(area.offsetOf(bfn));
                check(
                        page != null && page.frame() == frame && page.access() == area.access(),
                        "the host translates bfn=%d of endpoint %d to frame %d, expected %s",
                        bfn,
                        endpoint,
                        frame,
                        page);
            }
        }
        long wanted = expected == null ? 0 : expected.mappedPages();
        check(pages == wanted, "the host translates %d pages of endpoint %d, expected %d", pages, endpoint, wanted);
    }

    private static void compareHolds(Guest guest, GuestModel model) {
        Map<Long, Integer> expected = model.holds();
        for (RegionModel region : model.regions.values()) {
            for (long mfn = region.mfns.first(); mfn <= region.mfns.last(); mfn++) {
                int holds = model.shape.isReservedMfn(mfn) ? 0 : guest.holds(mfn);
                int wanted = expected.getOrDefault(mfn, 0);
                check(holds == wanted, "mfn=%d holds=%d expected=%d", mfn, holds, wanted);
            }
        }
    }

    private static void compareQuotas(Guest guest, GuestModel model) {
        GuestStats stats = guest.stats();
        check(stats.mappedFrames() == model.mappedPages(), "mappedFrames=%s", stats);
        check(stats.heldFrames() == model.heldPages(), "heldFrames=%s expected=%d", stats, model.heldPages());
        check(stats.registeredFrames() == model.registeredFrames(), "registeredFrames=%s", stats);
        long tables = model.tablePages();
        boolean gone = model.life == GuestModel.Life.GONE; // empty tables may wait for a grace period, but not longer
        check(gone ? stats.tablePages() == 0 : stats.tablePages() >= tables, "%s expected tables=%d", stats, tables);
        check(stats.tablePages() <= model.shape.maxTablePages(), "tablePages=%s", stats);
    }
}
