package org.pviommu.journal.replay;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Frames {@code [first, last]} (inclusive) of a guest of the model: its own, or granted by another one. */
final class RegionModel {
    final GuestModel guest;
    final long first;
    final long last;
    final int access;
    /** Where granted frames come from. */
    final @Nullable RegionModel source;
    /** Regions of other guests that lead here. */
    final List<RegionModel> grants = new ArrayList<>();

    boolean revoked;
    final long serial;

    RegionModel(GuestModel guest, long first, long pages, int access, @Nullable RegionModel source) {
        this.guest = guest;
        this.first = first;
        this.last = first + pages - 1;
        this.access = access;
        this.source = source;
        this.serial = ++guest.regionSerial;
        if (source != null) {
            source.grants.add(this);
        }
    }

    boolean contains(long mfn) {
        return first <= mfn && mfn <= last;
    }

    /** Table entries that lead here, owed ones included. */
    long holds() {
        return guest.holds(first, last);
    }

    /** Whether it keeps the region it comes from: it may still be mapped, or is. */
    boolean isLive() {
        return !revoked || holds() > 0;
    }

    void close() {
        if (source != null) {
            source.grants.remove(this);
        }
    }

    @Override
    public String toString() {
        return "mfns " + Describe.hex(first) + ".." + Describe.hex(last) + (source == null ? "" : " granted");
    }
}
