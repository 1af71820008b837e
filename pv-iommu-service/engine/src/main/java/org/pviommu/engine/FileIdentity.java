package org.pviommu.engine;

/**
 * Which file is behind some memory. Two mappings with the same identity and offset show the same bytes, whoever made them.
 *
 * @param device {@code st_dev}
 * @param inode {@code st_ino}; 0 when there is no file, or none that can be found again
 */
public record FileIdentity(long device, long inode) {
    /** Memory that cannot be recognised. */
    public static final FileIdentity NONE = new FileIdentity(0, 0);
}
