package org.pviommu.engine;

import java.util.Arrays;

/**
 * How many holds on each region wait for a flush. Allocates when a region is met for the first time. Under the guest's lock.
 */
final class OwedHolds {
    private GuestRegion[] regions = new GuestRegion[8];
    private long[] holds = new long[8];
    private int count;

    void add(GuestRegion region) {
        int at = 0;
        while (at < count && regions[at] != region) {
            at++;
        }
        if (at == regions.length) {
            regions = Arrays.copyOf(regions, 2 * at);
            holds = Arrays.copyOf(holds, 2 * at);
        }
        if (at == count) {
            regions[at] = region;
            holds[at] = 0;
            count++;
        }
        holds[at]++;
    }

    /** Drops them; only after the flush. */
    void release() {
        for (int i = 0; i < count; i++) {
            regions[i].addHolds(-holds[i]);
        }
        count = 0;
    }
}
