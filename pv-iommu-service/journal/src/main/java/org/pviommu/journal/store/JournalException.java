package org.pviommu.journal.store;

import org.jspecify.annotations.Nullable;

/** The journal cannot do what was asked; the message names the file or the value and the limit. */
public class JournalException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    /** For whoever has to act on it: one sentence, {@code name=value}. */
    public JournalException(String message) {
        super(message);
    }

    /** As above, with what the file system or the queue said. */
    public JournalException(String message, @Nullable Throwable cause) {
        super(message, cause);
    }
}
