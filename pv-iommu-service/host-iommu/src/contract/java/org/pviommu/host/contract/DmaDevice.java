package org.pviommu.host.contract;

import java.lang.foreign.MemorySegment;

/**
 * A real device that is told to do DMA and does not notice when it is refused: what it may not read arrives as zeroes, what it may
 * not write does not arrive. An access stays within one page. Any thread; one access at a time.
 */
public interface DmaDevice extends AutoCloseable {

    /** Lets the device read from memory; {@code into} is what it got. */
    void read(long iovaBytes, MemorySegment into);

    /** Lets the device write to memory. */
    void write(long iovaBytes, MemorySegment from);

    /** Closes the device, mapped registers first: a mapping keeps the kernel's device in use, and nobody else can open it. */
    @Override
    void close();
}
