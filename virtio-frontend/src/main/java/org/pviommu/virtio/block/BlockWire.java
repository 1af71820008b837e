package org.pviommu.virtio.block;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * Numbers and layouts of virtio 1.2, 5.2 (block device), all little-endian.
 *
 * <pre>
 *  request:  readable 0 le32 type  4 le32 reserved  8 le64 sector  16 data; writable data, then u8 status
 *  segment:  0 le64 sector  8 le32 sectors  12 le32 flags        data of DISCARD and WRITE_ZEROES
 * </pre>
 */
final class BlockWire {
    static final ValueLayout.OfInt U32 = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    static final ValueLayout.OfLong U64 = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    static final ValueLayout.OfShort U16 = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    static final long F_SIZE_MAX = 1L << 1;
    static final long F_SEG_MAX = 1L << 2;
    static final long F_RO = 1L << 5;
    static final long F_BLK_SIZE = 1L << 6;
    static final long F_FLUSH = 1L << 9;
    static final long F_MQ = 1L << 12;
    static final long F_DISCARD = 1L << 13;
    static final long F_WRITE_ZEROES = 1L << 14;

    static final int IN = 0;
    static final int OUT = 1;
    static final int FLUSH = 4;
    static final int GET_ID = 8;
    static final int DISCARD = 11;
    static final int WRITE_ZEROES = 13;

    static final int OK = 0;
    static final int IOERR = 1;
    static final int UNSUPP = 2;

    static final int SECTOR_BYTES = 512;
    static final int HEADER_BYTES = 16;
    static final int STATUS_BYTES = 1;
    static final int ID_BYTES = 20;
    static final int SEGMENT_BYTES = 16;
    /** The only flag of a segment: WRITE_ZEROES may give the room back. */
    static final int SEGMENT_UNMAP = 1;

    /** What fits into the smallest usual queue of 128 with a header and a status, as other back-ends have it. */
    static final int SEG_MAX = 126;
    /** Of one buffer; a driver that keeps to this and to {@link #SEG_MAX} stays below 8 MiB. */
    static final int SIZE_MAX = 64 * 1024;
    /** Segments in a DISCARD or WRITE_ZEROES. */
    static final int MAX_SEGMENTS = 16;
    /** Of a DISCARD segment: 512 MiB, a hole is made at once however large it is. */
    static final int MAX_DISCARD_SECTORS = 1 << 20;
    /** Of a WRITE_ZEROES segment: 4 MiB, since zeroes may have to be written one by one. */
    static final int MAX_ZEROES_SECTORS = 1 << 13;

    private static final int DISCARD_ALIGNMENT_SECTORS = 8;
    /** Longer than virtio 1.2 has it: front-ends ask for as much as they know, fields of features that are not offered too. */
    private static final int CONFIG_BYTES = 96;

    private BlockWire() {}

    /** The configuration space. */
    static byte[] config(long sectors, int queues, boolean writable) {
        byte[] bytes = new byte[CONFIG_BYTES];
        MemorySegment fields = MemorySegment.ofArray(bytes);
        fields.set(U64, 0, sectors);
        fields.set(U32, 8, SIZE_MAX);
        fields.set(U32, 12, SEG_MAX);
        fields.set(U32, 20, SECTOR_BYTES);
        fields.set(U16, 34, (short) queues);
        if (writable) {
            fields.set(U32, 36, MAX_DISCARD_SECTORS);
            fields.set(U32, 40, MAX_SEGMENTS);
            fields.set(U32, 44, DISCARD_ALIGNMENT_SECTORS);
            fields.set(U32, 48, MAX_ZEROES_SECTORS);
            fields.set(U32, 52, MAX_SEGMENTS);
            bytes[56] = 1; // WRITE_ZEROES may deallocate
        }
        return bytes;
    }
}
