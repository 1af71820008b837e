package org.pviommu.engine;

import java.lang.foreign.MemorySegment;

/**
 * Port: the memory behind one region that a guest registered, mapped shared into this process.
 *
 * <p>The transport that took the file descriptor implements it. Its content is hostile and may change at any time, and
 * a file that shrinks under the mapping makes an access throw {@link InternalError}; only {@link GuestAccess} touches it.
 */
public interface GuestMemory extends AutoCloseable {

    /** The whole region: page-aligned native memory, a multiple of 4096 bytes, readable and writable. */
    MemorySegment segment();

    /** The file behind the region, for backends whose kernel maps by file; valid until {@link #close}. */
    int fileDescriptor();

    /** Where in that file the region begins, in bytes, a multiple of 4096. */
    long fileOffsetBytes();

    /** Which file that is, so that the memory can be recognised when the guest comes back; NONE when it cannot be. */
    default FileIdentity file() {
        return FileIdentity.NONE;
    }

    /** Unmaps the memory and closes the file. Called once, when no frame of the region is held any more. */
    @Override
    void close();
}
