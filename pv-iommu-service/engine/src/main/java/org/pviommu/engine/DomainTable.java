package org.pviommu.engine;

import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The domains of a device by number. Looking up allocates nothing. Written under the guest's lock, listed by anybody. */
final class DomainTable {
    private volatile Domain[] sorted = {};
    private @Nullable Domain newest;

    @Nullable
    Domain find(int id) {
        Domain last = newest;
        if (last != null && last.id() == id) {
            return last;
        }
        int at = indexOf(id);
        newest = at < 0 ? null : sorted[at];
        return newest;
    }

    private int indexOf(int id) {
        Domain[] all = sorted;
        int low = 0;
        int high = all.length - 1;
        while (low <= high) {
            int middle = (low + high) >>> 1;
            int order = Integer.compareUnsigned(all[middle].id(), id);
            if (order == 0) {
                return middle;
            }
            if (order < 0) {
                low = middle + 1;
            } else {
                high = middle - 1;
            }
        }
        return -1 - low;
    }

    void add(Domain domain) {
        int at = -1 - indexOf(domain.id());
        Domain[] old = sorted;
        Domain[] all = Arrays.copyOf(old, old.length + 1);
        System.arraycopy(old, at, all, at + 1, old.length - at);
        all[at] = domain;
        sorted = all;
    }

    void remove(Domain domain) {
        newest = null;
        int at = indexOf(domain.id());
        Domain[] old = sorted;
        Domain[] all = Arrays.copyOf(old, old.length - 1);
        System.arraycopy(old, at + 1, all, at, all.length - at);
        sorted = all;
    }

    int count() {
        return sorted.length;
    }

    Domain get(int index) {
        return sorted[index];
    }

    List<Domain> all() {
        return List.of(sorted);
    }
}
