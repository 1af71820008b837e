package org.pviommu.systemtests.differential;

import static org.pviommu.systemtests.differential.Divergence.check;
import static org.pviommu.systemtests.differential.Divergence.found;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.pviommu.abi.IommuMapOp;
import org.pviommu.abi.IommuOp;
import org.pviommu.abi.IommuStatus;
import org.pviommu.engine.FrameRange;

/**
 * What the engine should do for one guest, as naively as it can be said: maps of pages, one page at a time, no runs, no
 * tables, no gather. It shares no code with the engine.
 *
 * <p>What came from outside is given to it: the answers of the host IOMMU in their order, and whether the log had room.
 * It checks on the way that the host was asked for exactly what it should have been asked for.
 */
final class ReferenceModel {
    private static final int FLUSH_ATTEMPTS = 3;
    private static final int EBUSY = 16;
    private static final int ENOMEM = 12;
    private static final int ENOSPC = 28;

    private final World.Shape shape;
    private final Coverage coverage;
    private final TreeMap<Integer, SpaceModel> spaces = new TreeMap<>();
    /** Context that translates an endpoint's DMA; missing where it is blocked. */
    private final Map<Integer, Integer> attachments = new HashMap<>();

    private int hostSpacesMade;
    private Iterator<HostEvent> events = List.<HostEvent>of().iterator();

    // The running call.
    private Call call = Call.of(0, 0);
    private SpaceModel space;
    private int[] statuses = {};
    private long[] results = {};
    private boolean mapsRoom;
    private boolean removalsRoom;
    private boolean earlyFlushFailed;
    private int firstUnflushed;
    private long doneAtEarlyFlush;
    private boolean[] removedSinceFlush = {};

    ReferenceModel(World.Shape shape, Coverage coverage) {
        this.shape = shape;
        this.coverage = coverage;
        this.space = newSpace(0);
        shape.endpoints().forEach(endpoint -> attachments.put(endpoint.endpointId(), 0));
    }

    private SpaceModel newSpace(int context) {
        SpaceModel made = new SpaceModel(context, ++hostSpacesMade);
        spaces.put(context, made);
        return made;
    }

    /** What the engine should answer; results are nr_done of ranges and ctx_no of alloc_context. */
    @SuppressWarnings("ArrayRecordComponent") // made, read once and dropped; nobody compares answers
    record Answer(long result, int[] statuses, long[] results) {}

    Answer execute(Call newCall, List<HostEvent> hostEvents, boolean roomForMaps, boolean roomForRemovals) {
        call = newCall;
        events = hostEvents.iterator();
        statuses = new int[call.accessible];
        results = new long[call.accessible];
        removedSinceFlush = new boolean[call.accessible];
        mapsRoom = roomForMaps;
        removalsRoom = roomForRemovals;
        earlyFlushFailed = false;
        firstUnflushed = 0;
        doneAtEarlyFlush = 0;
        long result = run();
        check(!events.hasNext(), "the host was asked for more than it should: %s", hostEvents);
        return new Answer(result, statuses, results);
    }

    private long run() {
        SpaceModel named = spaces.get(call.context);
        if (named == null) {
            statuses = new int[0];
            return IommuStatus.ENOENT;
        }
        space = named;
        if (call.subOp == IommuOp.FLUSH) {
            return flushAndRelease(space) ? IommuStatus.OK : IommuStatus.EIO;
        }
        if (call.count == 0) {
            return IommuStatus.OK;
        }
        if (statuses.length == 0) {
            return IommuStatus.EFAULT;
        }
        boolean good = apply();
        return statuses.length < call.count ? IommuStatus.EFAULT : good ? IommuStatus.OK : IommuStatus.EIO;
    }

    private boolean apply() {
        switch (call.subOp) {
            case IommuOp.LOOKUP_PAGE -> {
                for (int i = 0; i < statuses.length; i++) {
                    statuses[i] = lookup(call.bfn[i]);
                }
                return true;
            }
            case IommuOp.ALLOC_CONTEXT, IommuOp.FREE_CONTEXT, IommuOp.ATTACH_DEVICE -> {
                boolean room = call.subOp == IommuOp.FREE_CONTEXT ? removalsRoom : mapsRoom;
                for (int i = 0; i < statuses.length; i++) {
                    statuses[i] = room ? changeContext(i) : IommuStatus.EIO;
                }
                return true;
            }
            case IommuOp.MAP_RANGE, IommuOp.UNMAP_RANGE -> ranges();
            default -> pages();
        }
        return finish();
    }

    private int lookup(long bfn) {
        return outsideAperture(bfn) ? IommuStatus.ERANGE : space.isMapped(bfn) ? IommuStatus.OK : IommuStatus.ENOENT;
    }

    // Single pages.

    private void pages() {
        HostRun run = HostRun.none();
        for (int i = 0; i < statuses.length; i++) {
            int kind = call.kindOf(i);
            int status = switch (kind) {
                case IommuOp.MAP_PAGE -> mapsRoom ? checkMap(call.bfn[i], call.mfn[i], call.flags[i]) : IommuStatus.EIO;
                case IommuOp.UNMAP_PAGE -> removalsRoom ? lookup(call.bfn[i]) : IommuStatus.EIO;
                default -> IommuStatus.EINVAL;
            };
            boolean opensUnmap = kind == IommuOp.UNMAP_PAGE && status == IommuStatus.OK && run.isUsedUp();
            if (opensUnmap && !canHold(i)) {
                status = IommuStatus.EIO;
            }
            if (status != IommuStatus.OK) {
                check(run.isUsedUp(), "operation %d was checked with a run open", i);
                statuses[i] = status;
                continue;
            }
            boolean isMap = kind == IommuOp.MAP_PAGE;
            run = run.orNext(() -> next(isMap ? HostEvent.Kind.MAP : HostEvent.Kind.UNMAP, space));
            statuses[i] = isMap ? mapOne(run, call.bfn[i], call.mfn[i], call.flags[i]) : unmapOne(run, call.bfn[i]);
        }
        check(run.isUsedUp(), "the host was asked for pages that no operation names: %s", run);
    }

    private int mapOne(HostRun run, long bfn, long mfn, int flags) {
        run.take(bfn);
        int status = hostStatus(run.event.outcome());
        if (status == IommuStatus.OK) {
            space.mapped.put(bfn, new SpaceModel.Page(mfn, flags));
        }
        return status;
    }

    private int unmapOne(HostRun run, long bfn) {
        long outcome = run.event.outcome();
        run.take(bfn);
        if (outcome <= 0) {
            if (outcome == -EBUSY) {
                run.endHere(); // speaks about this page alone
                return IommuStatus.EBUSY;
            }
            return IommuStatus.EIO;
        }
        space.remove(bfn, call.subOp == IommuOp.MIXED && !call.deferred);
        if (run.isLastOfOutcome()) {
            run.endHere();
        } else if (run.isUsedUp()) {
            removeUnasked(bfn + 1, run.event.firstBfn() + outcome - 1);
        }
        return IommuStatus.OK;
    }

    private void removeUnasked(long firstBfn, long lastBfn) {
        coverage.event(Coverage.LONG_UNMAP);
        for (long bfn = firstBfn; bfn <= lastBfn; bfn++) {
            if (space.isMapped(bfn)) {
                space.remove(bfn, false);
            }
        }
    }

    private int checkMap(long bfn, long mfn, int flags) {
        boolean readOnly = flags == IommuMapOp.READABLE;
        boolean readWrite = flags == (IommuMapOp.READABLE | IommuMapOp.WRITEABLE);
        if (!readOnly && !readWrite) {
            return IommuStatus.EINVAL;
        }
        if (outsideAperture(bfn)) {
            return IommuStatus.ERANGE;
        }
        if (isReserved(space.context, bfn)) {
            return IommuStatus.EADDRNOTAVAIL;
        }
        if (!anyContains(shape.memory(), mfn)) {
            return IommuStatus.ENXIO;
        }
        if (anyContains(shape.reservedMfns(), mfn)) {
            return IommuStatus.EPERM;
        }
        if (space.isMapped(bfn) || (space.isOwed(bfn) && !space.fresh.contains(bfn))) {
            return IommuStatus.EADDRINUSE;
        }
        if (mappedPages() >= shape.maxMappedFrames()) {
            return IommuStatus.ENOSPC;
        }
        return tablePages() + space.missingTables(bfn) > shape.maxTablePages() ? IommuStatus.ENOSPC : IommuStatus.OK;
    }

    private static int hostStatus(long outcome) {
        if (outcome == 0) {
            return IommuStatus.OK;
        }
        return switch ((int) -outcome) {
            case ENOMEM -> IommuStatus.ENOMEM;
            case ENOSPC -> IommuStatus.ENOSPC;
            default -> IommuStatus.EIO;
        };
    }

    // Ranges.

    private void ranges() {
        boolean isMap = call.subOp == IommuOp.MAP_RANGE;
        for (int i = 0; i < statuses.length; i++) {
            if (!(isMap ? mapsRoom : removalsRoom)) {
                statuses[i] = IommuStatus.EIO;
            } else {
                statuses[i] = isMap ? mapRange(i) : unmapRange(i);
            }
        }
    }

    private static boolean wraps(long first, long pages) {
        return Long.compareUnsigned(first + pages - 1, first) < 0;
    }

    private int mapRange(int i) {
        long pages = call.pages[i];
        if (pages == 0 || wraps(call.bfn[i], pages) || wraps(call.mfn[i], pages)) {
            return IommuStatus.EINVAL;
        }
        HostRun run = HostRun.none();
        for (long done = 0; done != pages; done++) {
            long bfn = call.bfn[i] + done;
            int status = checkMap(bfn, call.mfn[i] + done, call.flags[i]);
            if (status != IommuStatus.OK) {
                check(run.isUsedUp(), "range %d was checked with a run open", i);
                return status;
            }
            run = run.orNext(() -> next(HostEvent.Kind.MAP, space));
            status = mapOne(run, bfn, call.mfn[i] + done, call.flags[i]);
            if (status != IommuStatus.OK) {
                return status;
            }
            results[i] = run.isUsedUp() ? done + 1 : results[i];
        }
        check(run.isUsedUp(), "the host was asked for pages beyond the range: %s", run);
        return IommuStatus.OK;
    }

    private int unmapRange(int i) {
        long first = call.bfn[i];
        long pages = call.pages[i];
        if (pages == 0 || wraps(first, pages)) {
            return IommuStatus.EINVAL;
        }
        if (outsideAperture(first)) {
            return IommuStatus.ERANGE;
        }
        boolean beyond = Long.compareUnsigned(first + pages - 1, shape.lastBfn()) > 0;
        long last = beyond ? shape.lastBfn() : first + pages - 1;
        int status = unmapAllIn(i, first, last);
        if (status != IommuStatus.OK) {
            return status;
        }
        results[i] = last - first + 1;
        return beyond ? IommuStatus.ERANGE : rangeRemoved ? IommuStatus.OK : IommuStatus.ENOENT;
    }

    private boolean rangeRemoved;

    private int unmapAllIn(int i, long first, long last) {
        rangeRemoved = false;
        HostRun run = HostRun.none();
        long next = first;
        for (Long bfn = mappedFrom(next, last); bfn != null; bfn = mappedFrom(next, last)) {
            results[i] = bfn - first;
            if (run.isUsedUp() && !canHold(i)) {
                return IommuStatus.EIO;
            }
            run = run.orNext(() -> next(HostEvent.Kind.UNMAP, space));
            int status = unmapOne(run, bfn);
            if (status != IommuStatus.OK) {
                return status;
            }
            rangeRemoved = true;
            removedSinceFlush[i] = true;
            next = bfn + 1;
            results[i] = next - first;
        }
        return IommuStatus.OK;
    }

    private @Nullable Long mappedFrom(long first, long last) {
        Long bfn = first > last ? null : space.mapped.ceilingKey(first);
        return bfn == null || bfn > last ? null : bfn;
    }

    // Flushes.

    private boolean canHold(int index) {
        if (heldPages() < shape.maxHeldFrames()) {
            return true;
        }
        if (earlyFlushFailed) {
            return false;
        }
        if (space.gathered) {
            coverage.event(Coverage.EARLY_FLUSH);
            if (flush(space)) {
                firstUnflushed = index;
                doneAtEarlyFlush = results[index];
                removedSinceFlush[index] = false;
            }
        }
        spaces.values().stream().filter(other -> other != space).forEach(this::flushAndRelease);
        earlyFlushFailed = heldPages() >= shape.maxHeldFrames();
        return !earlyFlushFailed;
    }

    private boolean flushAndRelease(SpaceModel flushed) {
        return !flushed.gathered || flush(flushed);
    }

    private boolean flush(SpaceModel flushed) {
        for (int attempt = 0; attempt < FLUSH_ATTEMPTS; attempt++) {
            if (next(HostEvent.Kind.FLUSH, flushed).outcome() == 0) {
                flushed.flushed();
                return true;
            }
        }
        coverage.event(Coverage.FLUSH_FAILURE);
        return false;
    }

    private boolean finish() {
        boolean removes = call.subOp != IommuOp.MAP_PAGE && call.subOp != IommuOp.MAP_RANGE;
        boolean flushed = !removes || call.deferred || flushAndRelease(space);
        if (!flushed) {
            failUnflushed();
        }
        space.fresh.clear();
        boolean refused = removes ? !removalsRoom : !mapsRoom;
        return flushed && !refused && (call.subOp != IommuOp.MIXED || mapsRoom);
    }

    private void failUnflushed() {
        boolean undone = call.subOp != IommuOp.MIXED || undoRemaps();
        for (int i = firstUnflushed; i < statuses.length; i++) {
            if (call.subOp == IommuOp.UNMAP_RANGE) {
                if (removedSinceFlush[i]) {
                    statuses[i] = IommuStatus.EIO;
                    results[i] = i == firstUnflushed ? doneAtEarlyFlush : 0;
                }
            } else if (statuses[i] == IommuStatus.OK && isUnflushed(i, undone)) {
                statuses[i] = IommuStatus.EIO;
            }
        }
    }

    private boolean isUnflushed(int i, boolean undone) {
        if (call.kindOf(i) == IommuOp.UNMAP_PAGE) {
            return true;
        }
        long bfn = call.bfn[i];
        boolean inGather = space.owed.stream().anyMatch(owed -> owed.bfn() == bfn);
        return undone ? !space.isMapped(bfn) : inGather;
    }

    private boolean undoRemaps() {
        boolean all = true;
        for (int i = 0; i < space.owed.size(); i++) {
            long bfn = space.owed.get(i).bfn();
            if (!space.isMapped(bfn)) {
                continue;
            }
            HostEvent event = next(HostEvent.Kind.UNMAP, space);
            check(event.firstBfn() == bfn && event.pages() == 1, "undoing bfn=%d asked for %s", bfn, event);
            if (event.outcome() < 1) {
                all = false;
                continue;
            }
            space.remove(bfn, false);
            if (event.outcome() > 1) {
                removeUnasked(bfn + 1, bfn + event.outcome() - 1);
            }
            coverage.event(Coverage.UNDONE_REMAP);
        }
        return all;
    }

    // Contexts.

    private int changeContext(int i) {
        return switch (call.subOp) {
            case IommuOp.ALLOC_CONTEXT -> alloc(i);
            case IommuOp.FREE_CONTEXT -> free(call.target[i]);
            default -> attach(i);
        };
    }

    private int alloc(int i) {
        int context = 0;
        while (spaces.containsKey(context)) {
            context++;
        }
        if (context >= shape.maxContexts()) {
            return IommuStatus.ENOSPC;
        }
        if (next(HostEvent.Kind.CREATE, null).outcome() != 0) {
            return IommuStatus.EIO;
        }
        if (tablePages() + 1 > shape.maxTablePages()) {
            hostSpacesMade++; // made, and given back
            return IommuStatus.ENOSPC;
        }
        newSpace(context);
        results[i] = context;
        return IommuStatus.OK;
    }

    private int free(int context) {
        if (context == 0) {
            return IommuStatus.EINVAL;
        }
        SpaceModel freed = spaces.get(context);
        if (freed == null) {
            return IommuStatus.ENOENT;
        }
        if (attachments.containsValue(context)) {
            return IommuStatus.EBUSY;
        }
        boolean removed = unmapEverything(freed);
        if (!flush(freed) || !removed) {
            return IommuStatus.EIO;
        }
        spaces.remove(context);
        return IommuStatus.OK;
    }

    private boolean unmapEverything(SpaceModel freed) {
        boolean all = true;
        long from = 0;
        for (Long first = freed.mapped.ceilingKey(from); first != null; first = freed.mapped.ceilingKey(from)) {
            long pages = 1;
            while (freed.isMapped(first + pages)) {
                pages++;
            }
            for (long done = 0; done < pages; ) {
                HostEvent event = next(HostEvent.Kind.UNMAP, freed);
                check(
                        event.firstBfn() == first + done && event.pages() == pages - done,
                        "%d pages from bfn=%d expected: %s",
                        pages - done,
                        first + done,
                        event);
                long mine = Math.min(event.outcome(), pages - done);
                for (long i = 0; i < mine; i++) {
                    freed.remove(first + done + i, false);
                }
                all &= mine > 0;
                done += mine > 0 ? mine : event.outcome() == -EBUSY ? 1 : pages - done;
            }
            from = first + pages;
        }
        freed.gathered = true; // everything is flushed, whatever was removed
        return all;
    }

    private int attach(int i) {
        if (call.flags[i] != 0) {
            return IommuStatus.EINVAL;
        }
        World.Endpoint endpoint = endpoint(call.endpoint[i]);
        SpaceModel target = spaces.get(call.target[i]);
        if (endpoint == null || target == null) {
            return IommuStatus.ENOENT;
        }
        Integer current = attachments.get(endpoint.endpointId());
        if (current != null && current == target.context) {
            return IommuStatus.OK;
        }
        if (partsGroup(endpoint, target, i)) {
            return IommuStatus.EBUSY;
        }
        return move(endpoint, target);
    }

    private int move(World.Endpoint endpoint, SpaceModel target) {
        List<World.Endpoint> group = shape.endpoints().stream()
                .filter(member -> member.group() == endpoint.group())
                .toList();
        SpaceModel old = group.stream()
                .map(member -> attachments.get(member.endpointId()))
                .filter(at -> at != null && at != target.context)
                .findFirst()
                .map(spaces::get)
                .orElse(null);
        if (old != null && !flushAndRelease(old)) {
            return IommuStatus.EIO;
        }
        boolean blocked = true;
        for (World.Endpoint member : group) {
            Integer at = attachments.get(member.endpointId());
            if (at != null && at != target.context) {
                boolean done = next(HostEvent.Kind.DETACH, found(spaces.get(at), "attached to nothing"))
                                .outcome()
                        == 0;
                blocked &= done;
                if (done) {
                    attachments.remove(member.endpointId());
                }
            }
        }
        long outcome = blocked ? next(HostEvent.Kind.ATTACH, target).outcome() : IommuStatus.EIO;
        if (outcome == 0) {
            attachments.put(endpoint.endpointId(), target.context);
            return IommuStatus.OK;
        }
        for (World.Endpoint member : group) {
            boolean goesBack = old != null && !attachments.containsKey(member.endpointId());
            if (goesBack && next(HostEvent.Kind.ATTACH, old).outcome() == 0) {
                attachments.put(member.endpointId(), found(old, "unreachable").context);
            }
        }
        return outcome == -EBUSY ? IommuStatus.EBUSY : IommuStatus.EIO;
    }

    @SuppressWarnings("ReferenceEquality") // both come from the one list of the shape
    private boolean partsGroup(World.Endpoint endpoint, SpaceModel target, int index) {
        for (World.Endpoint member : shape.endpoints()) {
            Integer at = attachments.get(member.endpointId());
            if (member.group() != endpoint.group() || (at != null && at == target.context)) {
                continue;
            }
            boolean moves = member.equals(endpoint);
            for (int k = index + 1; k < statuses.length; k++) {
                moves |= call.endpoint[k] == member.endpointId()
                        && call.target[k] == target.context
                        && call.flags[k] == 0;
            }
            if (!moves || occupiesReserved(member, target)) {
                return true;
            }
        }
        return false;
    }

    private static boolean occupiesReserved(World.Endpoint endpoint, SpaceModel target) {
        return anyOf(endpoint.reserved(), target.mapped.keySet())
                || target.owed.stream().anyMatch(owed -> anyContains(endpoint.reserved(), owed.bfn()));
    }

    private static boolean anyOf(List<FrameRange> ranges, Iterable<Long> frames) {
        for (long frame : frames) {
            if (anyContains(ranges, frame)) {
                return true;
            }
        }
        return false;
    }

    private World.@Nullable Endpoint endpoint(int id) {
        return shape.endpoints().stream()
                .filter(endpoint -> endpoint.endpointId() == id)
                .findFirst()
                .orElse(null);
    }

    private HostEvent next(HostEvent.Kind kind, @Nullable SpaceModel expected) {
        check(events.hasNext(), "the host was not asked: %s expected", kind);
        HostEvent event = events.next();
        check(event.kind() == kind, "the host was asked for %s, %s expected", event, kind);
        check(expected == null || event.space() == expected.hostSpace, "wrong address space: %s", event);
        return event;
    }

    // State.

    private boolean outsideAperture(long bfn) {
        return bfn < 0 || bfn > shape.lastBfn();
    }

    boolean isReserved(int context, long bfn) {
        return shape.endpoints().stream()
                .filter(endpoint -> attachments.getOrDefault(endpoint.endpointId(), -1) == context)
                .anyMatch(endpoint -> anyContains(endpoint.reserved(), bfn));
    }

    private static boolean anyContains(List<FrameRange> ranges, long frame) {
        return ranges.stream().anyMatch(range -> range.contains(frame));
    }

    Iterable<SpaceModel> spaces() {
        return spaces.values();
    }

    @Nullable
    SpaceModel space(int context) {
        return spaces.get(context);
    }

    @Nullable
    SpaceModel spaceOfHost(long hostSpace) {
        return spaces.values().stream()
                .filter(candidate -> candidate.hostSpace == hostSpace)
                .findFirst()
                .orElse(null);
    }

    @Nullable
    SpaceModel spaceOfEndpoint(int endpoint) {
        Integer context = attachments.get(endpoint);
        return context == null ? null : spaces.get(context);
    }

    long mappedPages() {
        return spaces.values().stream().mapToLong(each -> each.mapped.size()).sum();
    }

    long heldPages() {
        return spaces.values().stream().mapToLong(each -> each.owed.size()).sum();
    }

    long tablePages() {
        return spaces.values().stream().mapToLong(SpaceModel::tablePages).sum();
    }

    long holds(long mfn) {
        return spaces.values().stream().mapToLong(each -> each.holds(mfn)).sum();
    }

    @Override
    public String toString() {
        return "contexts=" + spaces.keySet() + " attachments=" + attachments + " statuses=" + Arrays.toString(statuses);
    }
}
