package org.pviommu.natives;

/** What a descriptor was opened for. */
public enum AccessMode {
    READ_ONLY,
    WRITE_ONLY,
    READ_WRITE,
    /** Neither: opened as a mere path, or with the access mode that only allows ioctl. */
    NONE
}
