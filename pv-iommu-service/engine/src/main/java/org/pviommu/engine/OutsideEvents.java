package org.pviommu.engine;

import java.util.Arrays;

/**
 * What came from outside while a guest's call ran, and is not the usual: answers of the host IOMMU other than success, and
 * table pages that the service did not have. Together with the operations it determines everything the call did, so a replay
 * that is given the same events ends in the same state.
 *
 * <p>Calls are numbered from 0 within one call of the guest, host calls and table pages each on their own; neighbouring events
 * of one kind with the same answer are kept as one. Written under the guest's lock; allocates only when something unusual
 * happens.
 */
public final class OutsideEvents {
    /** What an event is about. */
    public enum Kind {
        /** The host IOMMU was asked to create, map, unmap, flush, attach or detach. */
        HOST,
        /** A table page was taken from the service's pool. */
        TABLE
    }

    /** A call with more events than this loses the rest of them, and says so. */
    static final int MAX_EVENTS = 1 << 16;

    private static final int WORDS = 3;

    private int hostCalls;
    private int tablePages;
    private int count;
    private boolean incomplete;
    /** Of each event: kind and first number, how many calls, the answer. */
    private long[] events = new long[8 * WORDS];

    OutsideEvents() {}

    /** How many events there are. */
    public int count() {
        return count;
    }

    /** What event {@code index} is about. */
    public Kind kind(int index) {
        return events[index * WORDS] < 0 ? Kind.TABLE : Kind.HOST;
    }

    /** The number of the first call of event {@code index}. */
    public int firstCall(int index) {
        return (int) events[index * WORDS] & Integer.MAX_VALUE;
    }

    /** How many calls in a row had the same answer. */
    public int calls(int index) {
        return (int) events[index * WORDS + 1];
    }

    /** What the host answered: a count of pages or a negative errno; 0 for a table page that was refused. */
    public long answer(int index) {
        return events[index * WORDS + 2];
    }

    /** Whether there were more events than are kept: what came after cannot be replayed. */
    public boolean isIncomplete() {
        return incomplete;
    }

    /** The host answered; {@code usual} is what it says when all is well. */
    long answered(long answer, long usual) {
        if (answer != usual) {
            note(Kind.HOST, hostCalls, answer);
        }
        hostCalls++;
        return answer;
    }

    /** A table page was asked for; 0 means that there was none. */
    long tablePage(long page) {
        if (page == 0) {
            note(Kind.TABLE, tablePages, 0);
        }
        tablePages++;
        return page;
    }

    private void note(Kind kind, int number, long answer) {
        if (count > 0 && kind(count - 1) == kind && answer(count - 1) == answer) {
            int last = count - 1;
            if (firstCall(last) + calls(last) == number) {
                events[last * WORDS + 1]++;
                return;
            }
        }
        if (count == MAX_EVENTS) {
            incomplete = true;
            return;
        }
        if (count * WORDS == events.length) {
            events = Arrays.copyOf(events, events.length * 2);
        }
        events[count * WORDS] = kind == Kind.TABLE ? Long.MIN_VALUE | number : number;
        events[count * WORDS + 1] = 1;
        events[count * WORDS + 2] = answer;
        count++;
    }

    /** A record has taken the events so far. */
    void recorded(boolean endOfCall) {
        count = 0;
        if (endOfCall) {
            hostCalls = 0;
            tablePages = 0;
            incomplete = false;
        }
    }
}
