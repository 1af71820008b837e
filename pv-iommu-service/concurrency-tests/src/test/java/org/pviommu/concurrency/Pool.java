package org.pviommu.concurrency;

import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Subjects that are too heavy to be made anew for each of the millions of states of a jcstress test. A subject is lent to one
 * state; jcstress keeps at most {@link #STATES} states at a time, and takes new ones in turn, so when a subject is lent again
 * the state that had it is long done.
 *
 * @param <T> what is lent
 */
public final class Pool<T> {
    /** States that jcstress may keep at a time: what JcstressTest asks for as stride size times stride count. */
    public static final int STATES = 128;

    private static final int SUBJECTS = 2 * STATES;

    private final Supplier<T> maker;
    private int next;
    private final @Nullable Object[] subjects = new Object[SUBJECTS];

    /** Subjects come from {@code maker} as they are needed. */
    public Pool(Supplier<T> maker) {
        this.maker = maker;
    }

    /** Lends the next subject. The states' constructors run in several threads, each subject in one at a time. */
    @SuppressWarnings("unchecked") // only maker's objects are put in
    public synchronized T lend() {
        int index = next;
        next = (next + 1) % SUBJECTS;
        Object subject = subjects[index];
        if (subject == null) {
            subject = maker.get();
            subjects[index] = subject;
        }
        return (T) subject;
    }
}
