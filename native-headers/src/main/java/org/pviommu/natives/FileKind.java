package org.pviommu.natives;

/** What a descriptor refers to, by the file type in its mode. */
public enum FileKind {
    REGULAR,
    DIRECTORY,
    CHAR_DEVICE,
    FIFO,
    SOCKET,
    /** Block devices, and the kernel's anonymous objects such as event counters. */
    OTHER
}
