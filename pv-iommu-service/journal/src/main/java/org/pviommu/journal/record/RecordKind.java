package org.pviommu.journal.record;

/** What a record is about; its number is the kind that the store keeps beside the payload. */
public enum RecordKind {
    /** Takes the place of a record that was begun and never finished, because the process was killed. */
    UNFINISHED(0),
    /** The service started. */
    SERVICE_START(1),
    /** The service stopped in good order. */
    SERVICE_STOP(2),
    /** A slice of a batch, or a flush. */
    SLICE(3),
    /** A change of a guest that is not a slice. */
    CHANGE(4),
    /** The host IOMMU refused an access of a device. */
    FAULT(5),
    /** A batch of requests to a virtio-iommu device, or a flush of its domains. */
    DOMAINS(6);

    private static final RecordKind[] ALL = values();

    private final int number;

    RecordKind(int number) {
        this.number = number;
    }

    /** Its number in the journal. */
    public int number() {
        return number;
    }

    /**
     * The kind with that number.
     *
     * @throws BadRecordException when there is none
     */
    public static RecordKind of(int number) {
        if (number < 0 || number >= ALL.length) {
            throw new BadRecordException("kind=" + number + " max=" + (ALL.length - 1));
        }
        return ALL[number];
    }
}
