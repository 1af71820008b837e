package org.pviommu.host.contract;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.Map;
import org.pviommu.engine.Access;
import org.pviommu.engine.GuestMemory;
import org.pviommu.engine.HostAddressSpace;
import org.pviommu.engine.HostIommu;
import org.pviommu.engine.IotlbGather;

/**
 * A host on the bench: address spaces and memory that are given back at the end, and the questions all contract tests
 * ask. Each frame of memory begins with a tag of its own, so a read tells which frame it reached. Ranges are inclusive
 * {@code [first, last]}.
 */
public final class Bench implements AutoCloseable {
    /** What {@link #read} answers where the DMA was refused; no tag has this value. */
    static final long REFUSED = -1;

    static final int PAGE_BYTES = 4096;
    static final int EEXIST = 17;
    static final int EBUSY = 16;
    static final int ENOENT = 2;

    private final HostUnderTest host;
    private final Deque<HostAddressSpace> spaces = new ArrayDeque<>();
    private final Map<GuestMemory, Long> tagBases = new HashMap<>();
    private final Map<Integer, HostAddressSpace> attached = new HashMap<>();

    Bench(HostUnderTest host) {
        this.host = host;
    }

    HostUnderTest host() {
        return host;
    }

    HostIommu iommu() {
        return host.iommu();
    }

    boolean cuts() {
        return iommu().capabilities().cutsMappings();
    }

    HostAddressSpace newSpace() {
        HostAddressSpace space = iommu().createAddressSpace();
        spaces.push(space);
        return space;
    }

    /** A new address space with endpoint {@code index} attached. */
    HostAddressSpace attachedSpace(int index) {
        HostAddressSpace space = newSpace();
        attach(space, index);
        return space;
    }

    void attach(HostAddressSpace space, int index) {
        assertEquals(0, space.attach(host.endpoint(index)));
        attached.put(index, space);
    }

    void detach(HostAddressSpace space, int index) {
        assertEquals(0, space.detach(host.endpoint(index)));
        attached.remove(index);
    }

    void destroy(HostAddressSpace space) {
        space.destroy();
        spaces.remove(space);
    }

    /** Memory whose frames are tagged. */
    GuestMemory newMemory(int pages) {
        GuestMemory memory = host.allocate(pages);
        tagBases.put(memory, (tagBases.size() + 1) * 1_000_000L);
        for (int frame = 0; frame < pages; frame++) {
            memory.segment().set(ValueLayout.JAVA_LONG, frame * (long) PAGE_BYTES, tag(memory, frame));
        }
        return memory;
    }

    long tag(GuestMemory memory, long frame) {
        Long base = tagBases.get(memory);
        if (base == null) {
            throw new IllegalArgumentException("memory is not from this bench");
        }
        return base + frame;
    }

    /** Maps read-write, which has to succeed. */
    void map(HostAddressSpace space, long firstBfn, long pages, GuestMemory memory, long firstFrame) {
        assertEquals(0, space.map(firstBfn, pages, memory, firstFrame * PAGE_BYTES, Access.READ_WRITE));
    }

    /** Unmaps, which has to succeed for all pages, and flushes them. */
    void unmapAndFlush(HostAddressSpace space, long firstBfn, long pages) {
        assertEquals(pages, space.unmap(firstBfn, pages));
        flush(space, firstBfn, firstBfn + pages - 1);
    }

    void flush(HostAddressSpace space, long firstBfn, long lastBfn) {
        IotlbGather gather = new IotlbGather();
        gather.add(firstBfn, lastBfn - firstBfn + 1);
        assertEquals(0, space.flush(gather));
    }

    void flushWholeSpace(HostAddressSpace space) {
        IotlbGather gather = new IotlbGather();
        for (int i = 0; i <= IotlbGather.MAX_RANGES; i++) {
            gather.add(2L * i, 1);
        }
        assertTrue(gather.isWholeSpace());
        assertEquals(0, space.flush(gather));
    }

    /** The tag that endpoint {@code index} reads at the start of {@code bfn}, or {@link #REFUSED}. */
    long read(int index, long bfn) {
        long[] word = new long[1];
        int moved = host.dmaRead(host.endpoint(index), bfn * PAGE_BYTES, MemorySegment.ofArray(word));
        return moved == Long.BYTES ? word[0] : REFUSED;
    }

    /** Whether endpoint {@code index} can write to {@code bfn}; leaves the tag alone. */
    boolean canWrite(int index, long bfn) {
        MemorySegment word = MemorySegment.ofArray(new long[] {42});
        return host.dmaWrite(host.endpoint(index), bfn * PAGE_BYTES + 8, word) == Long.BYTES;
    }

    void assertReaches(int index, long bfn, GuestMemory memory, long frame) {
        assertEquals(tag(memory, frame), read(index, bfn), "bfn=" + bfn);
    }

    void assertRefused(int index, long bfn) {
        assertEquals(REFUSED, read(index, bfn), "bfn=" + bfn);
    }

    /** What a removed and not yet flushed page answers: its old frame; or nothing, on a host that is early. */
    void assertStale(int index, long bfn, GuestMemory memory, long frame) {
        long answer = read(index, bfn);
        if (host.keepsStaleEntries() || answer != REFUSED) {
            assertEquals(tag(memory, frame), answer, "bfn=" + bfn);
        }
    }

    /** Address spaces are destroyed with whatever is still mapped in them, as when the service dies. */
    @Override
    public void close() {
        attached.forEach((index, space) -> space.detach(host.endpoint(index)));
        spaces.forEach(HostAddressSpace::destroy);
        host.close();
        tagBases.keySet().forEach(GuestMemory::close);
    }
}
