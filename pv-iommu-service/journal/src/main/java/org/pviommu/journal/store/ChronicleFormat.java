package org.pviommu.journal.store;

/**
 * What has to be known of a Chronicle Queue file (version 5 format) to read it without Chronicle, whose reader stops without a
 * word at whatever it cannot parse: a file is a row of documents, each a header of four bytes, little-endian, and its content;
 * the next header is at the next multiple of four.
 */
final class ChronicleFormat {

    static final int HEADER_BYTES = Integer.BYTES;

    /** Set while a document is being written. */
    static final int NOT_COMPLETE = 0x8000_0000;

    /** Set in documents that Chronicle keeps for itself: the file's header and its indexes. */
    static final int META_DATA = 0x4000_0000;

    static final int LENGTH_MASK = 0x3fff_ffff;

    /** In place of a header: nothing follows in this file. */
    static final int END_OF_FILE = NOT_COMPLETE | META_DATA;

    /** In place of a header: nothing has been written here yet. */
    static final int NOTHING = 0;

    /** The first document of a file, Chronicle's header, is shorter than this. */
    static final int MAX_FILE_HEADER_BYTES = 256;

    /**
     * An index has {@link ChronicleSegment#INDEX_ENTRIES} entries of eight bytes, a name, and what aligns them. A longer one
     * would reach across records behind it.
     */
    static final int MAX_INDEX_BYTES = ChronicleSegment.INDEX_ENTRIES * Long.BYTES + 64;

    private ChronicleFormat() {}

    /** Where the header behind a position is. */
    static long align(long position) {
        return position + HEADER_BYTES - 1 & -HEADER_BYTES;
    }
}
