package org.pviommu.virtio.block;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/**
 * A disk.
 *
 * @param image a regular file; its length, cut to whole sectors of 512 bytes, is the disk's
 * @param readOnly whether the guest must not write; so it is as well when the file cannot be written
 * @param serial what GET_ID answers, up to 20 ASCII characters
 * @param queues how many request queues there are; a virtual machine monitor may ask for one per processor
 */
public record BlockSettings(Path image, boolean readOnly, String serial, int queues) {
    private static final int MAX_QUEUES = 64;

    /**
     * Refuses what no guest could use.
     *
     * @throws IllegalArgumentException for a serial that is too long or no ASCII, or a number of queues that cannot be
     */
    public BlockSettings {
        if (serial.length() > BlockWire.ID_BYTES
                || !StandardCharsets.US_ASCII.newEncoder().canEncode(serial)) {
            throw new IllegalArgumentException("serial=" + serial + " max=" + BlockWire.ID_BYTES + " ASCII characters");
        }
        if (queues < 1 || queues > MAX_QUEUES) {
            throw new IllegalArgumentException("queues=" + queues + " min=1 max=" + MAX_QUEUES);
        }
    }
}
