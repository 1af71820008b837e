package org.pviommu.systemtests.differential;

import static org.pviommu.systemtests.differential.Divergence.check;
import static org.pviommu.systemtests.differential.Divergence.found;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.pviommu.abi.IommuMapOp;
import org.pviommu.abi.IommuOp;
import org.pviommu.abi.IommuStatus;
import org.pviommu.engine.FrameRange;

/**
 * What the engine should do, as naively as it can be said: a map of pages, one operation at a time, no runs, no tables, no
 * gather. It shares no code with the engine.
 *
 * <p>What came from outside is given to it: the answers of the host IOMMU in their order, and whether the log had room.
 * It checks on the way that the host was asked for exactly the pages it should have been asked for.
 */
final class ReferenceModel {
    private static final int FLUSH_ATTEMPTS = 3;
    private static final int EBUSY = 16;
    private static final int ENOMEM = 12;
    private static final int ENOSPC = 28;
    private static final int TABLE_BITS = 9;
    private static final int TABLE_LEVELS = 4;

    /** A bus frame that is mapped, or owed: removed, not flushed. */
    record Page(long mfn, int access, boolean owed) {}

    private final World.Shape shape;
    private final Map<Long, Page> pages = new HashMap<>();
    /** How many pages lie below each table, by level and upper bits. */
    private final Map<String, Integer> tables = new HashMap<>();

    private boolean gathered;
    private Iterator<HostEvent> events = List.<HostEvent>of().iterator();
    private final Coverage coverage;

    ReferenceModel(World.Shape shape, Coverage coverage) {
        this.shape = shape;
        this.coverage = coverage;
    }

    /** What the engine should answer. */
    @SuppressWarnings("ArrayRecordComponent") // made, read once and dropped; nobody compares answers
    record Answer(long result, int[] statuses) {}

    Answer execute(Call call, List<HostEvent> hostEvents, boolean logHasRoom) {
        events = hostEvents.iterator();
        int[] statuses = new int[call.accessible];
        if (call.accessible == 0) {
            check(hostEvents.isEmpty(), "a call that reached no element asked the host: %s", hostEvents);
            return new Answer(IommuStatus.EFAULT, statuses);
        }
        boolean good = switch (call.subOp) {
            case IommuOp.MAP_PAGE -> maps(call, statuses, logHasRoom);
            case IommuOp.UNMAP_PAGE -> unmaps(call, statuses, logHasRoom);
            default -> lookups(call, statuses);
        };
        check(!events.hasNext(), "the host was asked for more than it should: %s", hostEvents);
        if (call.accessible < call.count) {
            return new Answer(IommuStatus.EFAULT, statuses);
        }
        return new Answer(good ? IommuStatus.OK : IommuStatus.EIO, statuses);
    }

    private boolean lookups(Call call, int[] statuses) {
        for (int i = 0; i < statuses.length; i++) {
            if (outsideAperture(call.bfn[i])) {
                statuses[i] = IommuStatus.ERANGE;
            } else {
                statuses[i] = isMapped(call.bfn[i]) ? IommuStatus.OK : IommuStatus.ENOENT;
            }
        }
        return true;
    }

    // Maps.

    private boolean maps(Call call, int[] statuses, boolean logHasRoom) {
        if (!logHasRoom) {
            Arrays.fill(statuses, IommuStatus.EIO);
            return false;
        }
        HostRun run = HostRun.none();
        for (int i = 0; i < statuses.length; i++) {
            int status = checkMap(call.bfn[i], call.mfn[i], call.flags[i]);
            if (status != IommuStatus.OK) {
                check(run.isUsedUp(), "operation %d was checked with a run open", i);
            } else {
                run = run.orNext(() -> next(HostEvent.Kind.MAP));
                run.take(call.bfn[i]);
                status = hostStatus(run.event.outcome());
            }
            if (status == IommuStatus.OK) {
                put(call.bfn[i], new Page(call.mfn[i], call.flags[i], false));
            }
            statuses[i] = status;
        }
        check(run.isUsedUp(), "the host was asked for pages nobody mapped: %s", run);
        return true;
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
        if (anyContains(shape.reservedBfns(), bfn)) {
            return IommuStatus.EADDRNOTAVAIL;
        }
        if (!anyContains(shape.memory(), mfn)) {
            return IommuStatus.ENXIO;
        }
        if (anyContains(shape.reservedMfns(), mfn)) {
            return IommuStatus.EPERM;
        }
        if (pages.containsKey(bfn)) {
            return IommuStatus.EADDRINUSE;
        }
        if (pages.size() >= shape.maxMappedFrames()) {
            return IommuStatus.ENOSPC;
        }
        return 1 + tables.size() + missingTables(bfn) > shape.maxTablePages() ? IommuStatus.ENOMEM : IommuStatus.OK;
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

    // Unmaps.

    private boolean unmaps(Call call, int[] statuses, boolean logHasRoom) {
        if (!logHasRoom) {
            Arrays.fill(statuses, IommuStatus.EIO);
            flushAtEnd(statuses, 0);
            return false;
        }
        HostRun run = HostRun.none();
        int firstUnflushed = 0;
        boolean earlyFlushFailed = false;
        for (int i = 0; i < statuses.length; i++) {
            long bfn = call.bfn[i];
            statuses[i] =
                    outsideAperture(bfn) ? IommuStatus.ERANGE : isMapped(bfn) ? IommuStatus.OK : IommuStatus.ENOENT;
            if (statuses[i] != IommuStatus.OK) {
                check(run.isUsedUp(), "operation %d was checked with a run open", i);
                continue;
            }
            if (run.isUsedUp() && owedPages() >= shape.maxHeldFrames()) {
                boolean flushed = !earlyFlushFailed && flush();
                if (!earlyFlushFailed) {
                    coverage.event(Coverage.EARLY_FLUSH);
                }
                if (!flushed) {
                    earlyFlushFailed = true;
                    statuses[i] = IommuStatus.EIO;
                    continue;
                }
                firstUnflushed = i;
            }
            run = run.orNext(() -> next(HostEvent.Kind.UNMAP));
            statuses[i] = unmapOne(run, bfn);
        }
        check(run.isUsedUp(), "the host was asked to remove pages nobody unmapped: %s", run);
        return flushAtEnd(statuses, firstUnflushed);
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
        owe(bfn);
        if (run.taken == outcome) {
            run.endHere();
        } else if (run.isUsedUp()) {
            coverage.event(Coverage.LONG_UNMAP);
            for (long extra = bfn + 1; extra < run.event.firstBfn() + outcome; extra++) {
                if (isMapped(extra)) {
                    owe(extra);
                }
            }
        }
        return IommuStatus.OK;
    }

    private void owe(long bfn) {
        Page page = found(pages.get(bfn), "cannot be owed: bfn=" + bfn);
        pages.put(bfn, new Page(page.mfn, page.access, true));
        gathered = true;
    }

    private boolean flushAtEnd(int[] statuses, int firstUnflushed) {
        if (!gathered || flush()) {
            return true;
        }
        for (int i = firstUnflushed; i < statuses.length; i++) {
            if (statuses[i] == IommuStatus.OK) {
                statuses[i] = IommuStatus.EIO;
            }
        }
        return false;
    }

    private boolean flush() {
        for (int attempt = 0; attempt < FLUSH_ATTEMPTS; attempt++) {
            if (next(HostEvent.Kind.FLUSH).outcome() == 0) {
                gathered = false;
                for (Long bfn : List.copyOf(pages.keySet())) {
                    if (isOwed(bfn)) {
                        remove(bfn);
                    }
                }
                return true;
            }
        }
        coverage.event(Coverage.FLUSH_FAILURE);
        return false;
    }

    private HostEvent next(HostEvent.Kind kind) {
        check(events.hasNext(), "the host was not asked: %s expected", kind);
        HostEvent event = events.next();
        check(event.kind() == kind, "the host was asked for %s, %s expected", event, kind);
        return event;
    }

    // State.

    private void put(long bfn, Page page) {
        pages.put(bfn, page);
        for (int level = 1; level < TABLE_LEVELS; level++) {
            tables.merge(tableName(bfn, level), 1, Integer::sum);
        }
    }

    private void remove(long bfn) {
        pages.remove(bfn);
        for (int level = 1; level < TABLE_LEVELS; level++) {
            tables.computeIfPresent(tableName(bfn, level), (name, count) -> count == 1 ? null : count - 1);
        }
    }

    private int missingTables(long bfn) {
        int missing = 0;
        for (int level = 1; level < TABLE_LEVELS; level++) {
            if (!tables.containsKey(tableName(bfn, level))) {
                missing++;
            }
        }
        return missing;
    }

    private static String tableName(long bfn, int level) {
        return level + ":" + (bfn >>> (level * TABLE_BITS));
    }

    private boolean outsideAperture(long bfn) {
        return bfn < 0 || bfn > shape.lastBfn();
    }

    private static boolean anyContains(List<FrameRange> ranges, long frame) {
        return ranges.stream().anyMatch(range -> range.contains(frame));
    }

    boolean isMapped(long bfn) {
        Page page = pages.get(bfn);
        return page != null && !page.owed;
    }

    boolean isOwed(long bfn) {
        Page page = pages.get(bfn);
        return page != null && page.owed;
    }

    @Nullable
    Page page(long bfn) {
        return pages.get(bfn);
    }

    long owedPages() {
        return pages.values().stream().filter(Page::owed).count();
    }

    long mappedPages() {
        return pages.size() - owedPages();
    }

    long tablePages() {
        return 1L + tables.size();
    }

    long holds(long mfn) {
        return pages.values().stream().filter(page -> page.mfn == mfn).count();
    }

    /** How far a host call has been matched with operations. */
    private static final class HostRun {
        final HostEvent event;
        private long taken;
        private boolean ended;

        HostRun(HostEvent event) {
            this.event = event;
        }

        static HostRun none() {
            return new HostRun(new HostEvent(HostEvent.Kind.MAP, 0, 0, 0));
        }

        boolean isUsedUp() {
            return ended || taken == event.pages();
        }

        HostRun orNext(Supplier<HostEvent> next) {
            return isUsedUp() ? new HostRun(next.get()) : this;
        }

        void take(long bfn) {
            check(bfn == event.firstBfn() + taken, "bfn=%d was given to the host out of order: %s", bfn, event);
            taken++;
        }

        void endHere() {
            ended = true;
        }

        @Override
        public String toString() {
            return event + " taken=" + taken;
        }
    }
}
