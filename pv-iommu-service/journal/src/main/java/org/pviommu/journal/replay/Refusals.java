package org.pviommu.journal.replay;

import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.pviommu.abi.IommuStatus;
import org.pviommu.engine.OutsideEvents;
import org.pviommu.engine.SliceRecord;
import org.pviommu.journal.record.JournalRecord;
import org.pviommu.journal.record.OutsideEvent;

/**
 * What was refused from outside while the operations of one record were done: which statuses that can explain, not of which
 * operation.
 *
 * @param calls how often the host IOMMU refused something, the attempts of a flush that failed not counted
 * @param mapStatuses what a map has that was refused
 * @param unmapStatuses what an unmap has that was refused
 */
record Refusals(int calls, Set<Integer> mapStatuses, Set<Integer> unmapStatuses) {
    private static final int EBUSY = 16;
    private static final int ENOMEM = 12;
    private static final int ENOSPC = 28;
    private static final int FLUSH_ATTEMPTS = 3;

    /** Of {@code records}, which were made one after the other. */
    static Refusals of(List<JournalRecord.OfGuest> records) {
        int calls = 0;
        Set<Integer> maps = new TreeSet<>();
        Set<Integer> unmaps = new TreeSet<>();
        for (JournalRecord.OfGuest record : records) {
            int refused = calls(record);
            calls += refused;
            for (OutsideEvent event : record.events()) {
                if (event.kind() == OutsideEvents.Kind.TABLE) {
                    maps.add(IommuStatus.ENOMEM);
                } else if (refused > 0) {
                    maps.add(mapStatus(event.answer()));
                    unmaps.add(unmapStatus(event.answer()));
                }
            }
        }
        return new Refusals(calls, maps, unmaps);
    }

    private static int calls(JournalRecord.OfGuest record) {
        int calls = 0;
        for (OutsideEvent event : record.events()) {
            if (event.kind() == OutsideEvents.Kind.HOST && event.answer() <= 0) {
                calls += event.calls();
            }
        }
        boolean flushFailed = record instanceof JournalRecord.Slice slice && slice.flush() == SliceRecord.Flush.FAILED;
        return flushFailed ? Math.max(0, calls - FLUSH_ATTEMPTS) : calls;
    }

    private static int mapStatus(long answer) {
        if (answer == -ENOMEM) {
            return IommuStatus.ENOMEM;
        }
        return answer == -ENOSPC ? IommuStatus.ENOSPC : IommuStatus.EIO;
    }

    private static int unmapStatus(long answer) {
        return answer == -EBUSY ? IommuStatus.EBUSY : IommuStatus.EIO;
    }

    boolean any() {
        return calls > 0;
    }

    boolean explainsMap(int status) {
        return mapStatuses.contains(status);
    }

    boolean explainsUnmap(int status) {
        return unmapStatuses.contains(status);
    }

    /** An element of free_context or attach_device, for which the host is asked several things. */
    boolean explainsOther(int status) {
        return status == IommuStatus.EIO ? any() : explainsUnmap(status);
    }
}
