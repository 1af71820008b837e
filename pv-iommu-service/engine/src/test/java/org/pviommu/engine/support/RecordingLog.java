package org.pviommu.engine.support;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.pviommu.engine.BatchLog;
import org.pviommu.engine.Change;
import org.pviommu.engine.DomainRecord;
import org.pviommu.engine.Guest;
import org.pviommu.engine.SliceRecord;

/** A log in the heap: it keeps a copy of each record and can be told to have no room. */
public final class RecordingLog implements BatchLog {
    private final List<RecordedSlice> slices = new ArrayList<>();
    private final List<Change> changes = new ArrayList<>();
    private final List<String> domainBatches = new ArrayList<>();
    private @Nullable Runnable domainObserver;
    private boolean refusesMaps;
    private boolean refusesRemovals;
    private int slicesLeft = Integer.MAX_VALUE;
    private int reservations;
    private @Nullable Consumer<RecordedSlice> commitObserver;
    private @Nullable Runnable reserveObserver;
    private @Nullable RuntimeException commitFailure;

    /** From now on there is no room for maps, or for removals, or for either. */
    public void refuse(boolean maps, boolean removals) {
        refusesMaps = maps;
        refusesRemovals = removals;
    }

    /** Room for this many more slices. */
    public void leaveRoomFor(int slices) {
        slicesLeft = slices;
    }

    /** Shows each record to {@code observer} while the engine waits in commit. */
    public void observeCommits(Consumer<RecordedSlice> observer) {
        commitObserver = observer;
    }

    /** Runs {@code observer} while the engine waits in reserve. */
    public void observeReservations(Runnable observer) {
        reserveObserver = observer;
    }

    /** The next commit throws, and nothing of it is kept. */
    public void failNextCommit(RuntimeException failure) {
        commitFailure = failure;
    }

    /** All records so far. */
    public List<RecordedSlice> slices() {
        return List.copyOf(slices);
    }

    /** All changes so far that are no slices. */
    public List<Change> changes() {
        return List.copyOf(changes);
    }

    /** The newest record. */
    public RecordedSlice last() {
        return slices.getLast();
    }

    /** How often room was asked for. */
    public int reservations() {
        return reservations;
    }

    /** Forgets the records so far. */
    public void forget() {
        slices.clear();
        changes.clear();
        domainBatches.clear();
        reservations = 0;
    }

    @Override
    public boolean reserve(int operations, boolean removal) {
        reservations++;
        if (reserveObserver != null) {
            reserveObserver.run();
        }
        if (slicesLeft == 0 || (removal ? refusesRemovals : refusesMaps)) {
            return false;
        }
        slicesLeft--;
        return true;
    }

    @Override
    public void changed(Guest guest, Change change, boolean endOfCall) {
        changes.add(change);
    }

    /** What was recorded of batches of a virtio-iommu device, as text. */
    public List<String> domainBatches() {
        return List.copyOf(domainBatches);
    }

    @Override
    public void commitDomains(DomainRecord batch) {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < batch.count(); i++) {
            text.append(batch.kind(i)).append('=').append(batch.status(i)).append(' ');
        }
        domainBatches.add(text.append(batch.flush()).toString());
        if (domainObserver != null) {
            domainObserver.run();
        }
    }

    /** Runs {@code observer} while the engine waits for the record of a batch of a virtio-iommu device. */
    public void observeDomainBatches(Runnable observer) {
        domainObserver = observer;
    }

    @Override
    public void commit(SliceRecord slice) {
        RuntimeException failure = commitFailure;
        if (failure != null) {
            commitFailure = null;
            throw failure;
        }
        RecordedSlice copy = new RecordedSlice(slice);
        slices.add(copy);
        if (commitObserver != null) {
            commitObserver.accept(copy);
        }
    }
}
