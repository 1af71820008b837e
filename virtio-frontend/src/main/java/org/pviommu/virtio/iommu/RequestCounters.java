package org.pviommu.virtio.iommu;

import java.util.concurrent.atomic.LongAdder;

/** How requests were answered since the device was made. Any thread reads. */
public final class RequestCounters {
    /** Statuses are 0 to {@link Wire#NOMEM}. */
    public static final int STATUSES = Wire.NOMEM + 1;

    private final LongAdder[] answered = new LongAdder[STATUSES];
    private final LongAdder unanswered = new LongAdder();

    RequestCounters() {
        for (int status = 0; status < STATUSES; status++) {
            answered[status] = new LongAdder();
        }
    }

    /** Requests that were answered with this status of {@link Wire}. */
    public long answered(int status) {
        return answered[status].sum();
    }

    /** Requests that no driver sends: they went back unwritten. */
    public long unanswered() {
        return unanswered.sum();
    }

    void count(int status) {
        if (status < 0) {
            unanswered.increment();
        } else {
            answered[status].increment();
        }
    }
}
