package org.pviommu.journal.store;

/**
 * Layout of one record in the ring, little-endian, behind Agrona's own header of a length and a type:
 *
 * <pre>
 *  0        4      8          16          24              28        32
 *  | CRC32C | kind | sequence | timeMillis| payloadLength | reserved| payload ...
 * </pre>
 *
 * <p>The CRC covers everything from the kind to the payload's end. It is not chained: the ring's order is checked by the
 * sequence, and many threads fill records at the same time.
 */
final class RingRecord {

    /** The type of every record; the kind is the record's own. */
    static final int TYPE = 1;

    static final int CRC_OFFSET = 0;
    static final int KIND_OFFSET = CRC_OFFSET + Integer.BYTES;
    static final int SEQUENCE_OFFSET = KIND_OFFSET + Integer.BYTES;
    static final int TIME_OFFSET = SEQUENCE_OFFSET + Long.BYTES;
    static final int LENGTH_OFFSET = TIME_OFFSET + Long.BYTES;
    static final int RESERVED_OFFSET = LENGTH_OFFSET + Integer.BYTES;
    static final int PAYLOAD_OFFSET = RESERVED_OFFSET + Integer.BYTES;

    /** Agrona's header: length and type. */
    static final int AGRONA_HEADER_BYTES = 8;

    static final int ALIGNMENT_BYTES = 8;

    /** What a record takes besides its payload, at most: both headers, and what it is rounded up by. */
    static final int OVERHEAD_BYTES = AGRONA_HEADER_BYTES + PAYLOAD_OFFSET + ALIGNMENT_BYTES - 1;

    private RingRecord() {}
}
