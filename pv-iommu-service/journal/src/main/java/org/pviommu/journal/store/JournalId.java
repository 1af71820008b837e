package org.pviommu.journal.store;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.security.SecureRandom;
import java.util.HexFormat;
import java.util.zip.CRC32C;

/**
 * Which journal a file belongs to: 128 random bits, made with the journal.
 *
 * @param high the first eight bytes, little-endian
 * @param low the other eight
 */
record JournalId(long high, long low) {

    static final int BYTES = 16;

    static JournalId random() {
        SecureRandom random = new SecureRandom();
        return new JournalId(random.nextLong(), random.nextLong());
    }

    /**
     * Reads what {@link #toString} wrote.
     *
     * @throws IllegalArgumentException when it is not 32 hexadecimal digits
     */
    static JournalId parse(String text) {
        if (text.length() != 2 * BYTES) {
            throw new IllegalArgumentException("journal id=" + text + " digits=" + 2 * BYTES);
        }
        ByteBuffer bytes = ByteBuffer.wrap(HexFormat.of().parseHex(text)).order(ByteOrder.LITTLE_ENDIAN);
        return new JournalId(bytes.getLong(), bytes.getLong());
    }

    private byte[] bytes() {
        return ByteBuffer.allocate(BYTES)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(high)
                .putLong(low)
                .array();
    }

    /** What stands for the CRC of the frame before the first: so the first frame of another journal does not fit either. */
    int chainSeed() {
        CRC32C crc = new CRC32C();
        crc.update(bytes());
        return (int) crc.getValue();
    }

    @Override
    public String toString() {
        return HexFormat.of().formatHex(bytes());
    }
}
