package org.pviommu.journal.store;

/** The journal is not what was written: something is missing, changed, or not its own. Nothing was repaired. */
public final class JournalDamagedException extends JournalException {

    private static final long serialVersionUID = 1L;

    private final String file;
    private final long sequence;

    /**
     * @param file the file with the damage
     * @param sequence the first record that cannot be trusted, 0 when it is not about a record
     * @param what what was found, and what was expected
     */
    public JournalDamagedException(String file, long sequence, String what) {
        super("journal damaged: file=" + file + (sequence == 0 ? "" : " sequence=" + sequence) + ": " + what);
        this.file = file;
        this.sequence = sequence;
    }

    /** The file with the damage, as its name in the journal's directory. */
    public String file() {
        return file;
    }

    /** The first record that cannot be trusted; 0 when the damage is not about a record. */
    public long sequence() {
        return sequence;
    }
}
