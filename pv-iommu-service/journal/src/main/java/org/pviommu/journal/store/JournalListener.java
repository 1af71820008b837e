package org.pviommu.journal.store;

/** Where the journal says what the operator should know: what was repaired, deleted, or went wrong. */
@FunctionalInterface
public interface JournalListener {

    /** One sentence, {@code name=value}. Called by the writer thread or by whoever opens or closes; must not block, nor throw. */
    void message(String text);
}
