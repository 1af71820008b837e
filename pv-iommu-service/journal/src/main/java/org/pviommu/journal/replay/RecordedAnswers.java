package org.pviommu.journal.replay;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.pviommu.engine.OutsideEvents;
import org.pviommu.journal.record.OutsideEvent;

/**
 * What the outside answered during the call that is being replayed, by the number of the question. An answer that is not asked for
 * is missing in what the replay records.
 */
final class RecordedAnswers {
    private final Questions host = new Questions();
    private final Questions tables = new Questions();

    /** Begins a call. */
    void use(List<OutsideEvent> events) {
        host.use(events, OutsideEvents.Kind.HOST);
        tables.use(events, OutsideEvents.Kind.TABLE);
    }

    /** The answer to the next question to the host IOMMU. */
    long host(long usual) {
        OutsideEvent event = host.next();
        return event == null ? usual : event.answer();
    }

    /** Whether the next table page is not to be had. */
    boolean refusesTablePage() {
        return tables.next() != null;
    }

    private static final class Questions {
        private final List<OutsideEvent> events = new ArrayList<>();
        private int number;
        private int index;

        void use(List<OutsideEvent> all, OutsideEvents.Kind kind) {
            events.clear();
            number = 0;
            index = 0;
            for (OutsideEvent event : all) {
                if (event.kind() == kind) {
                    events.add(event);
                }
            }
        }

        @Nullable
        OutsideEvent next() {
            int asked = number++;
            if (index == events.size()) {
                return null;
            }
            OutsideEvent event = events.get(index);
            if (asked < event.firstCall()) {
                return null;
            }
            if (asked == event.firstCall() + event.calls() - 1) {
                index++;
            }
            return event;
        }
    }
}
