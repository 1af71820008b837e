package org.pviommu.journal.store;

/**
 * Layout of one record in a queue file, little-endian; it is the whole content of one Chronicle document:
 *
 * <pre>
 *  0        4        6     7         8           16          24              28
 *  | magic  | version| kind| reserved| sequence  | timeMillis| payloadLength | payload ... | CRC32C |
 * </pre>
 *
 * <p>The CRC covers the four bytes of the CRC before it, then everything from magic to the payload's end: a chain that runs
 * across files, so that nothing can be missing, doubled or exchanged (Chronicle has no checksum at all).
 */
final class Frame {

    static final int MAGIC = 0x4a49_5650; // "PVIJ"
    static final short VERSION = 1;

    static final int MAGIC_OFFSET = 0;
    static final int VERSION_OFFSET = MAGIC_OFFSET + Integer.BYTES;
    static final int KIND_OFFSET = VERSION_OFFSET + Short.BYTES;
    static final int RESERVED_OFFSET = KIND_OFFSET + Byte.BYTES;
    static final int SEQUENCE_OFFSET = RESERVED_OFFSET + Byte.BYTES;
    static final int TIME_OFFSET = SEQUENCE_OFFSET + Long.BYTES;
    static final int LENGTH_OFFSET = TIME_OFFSET + Long.BYTES;
    static final int PAYLOAD_OFFSET = LENGTH_OFFSET + Integer.BYTES;
    static final int CRC_BYTES = Integer.BYTES;
    static final int OVERHEAD_BYTES = PAYLOAD_OFFSET + CRC_BYTES;

    static final int MAX_PAYLOAD_BYTES = 1 << 20;
    static final int MAX_BYTES = MAX_PAYLOAD_BYTES + OVERHEAD_BYTES;

    private Frame() {}
}
