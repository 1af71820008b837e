package org.pviommu.journal.store;

import java.nio.file.Path;

/** Another instance has the journal's directory open for writing. */
public final class JournalLockedException extends JournalException {

    private static final long serialVersionUID = 1L;

    JournalLockedException(Path directory) {
        super("journal directory=" + directory + " is in use by another instance");
    }
}
