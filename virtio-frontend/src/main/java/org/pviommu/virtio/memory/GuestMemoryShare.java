package org.pviommu.virtio.memory;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.pviommu.engine.Engine;
import org.pviommu.engine.EngineException;
import org.pviommu.engine.Guest;
import org.pviommu.engine.GuestMemory;
import org.pviommu.natives.FileDescriptor;
import org.pviommu.natives.NativeException;
import org.pviommu.virtio.vhost.MappedRegion;

/**
 * Registers a guest's memory with the engine for all vhost-user sockets of the guest: each of them tells the same memory, which is
 * registered once, and goes when none of them has it any more.
 *
 * <p>A front-end cannot be refused (there is no answer that it would understand), so what cannot be registered now, because something that
 * was there before has not gone everywhere yet or for want of room, is tried again with the next change. Until then nobody's DMA reaches it.
 *
 * <p>Any thread; takes the engine's and the guest's locks.
 */
public final class GuestMemoryShare {
    private final Engine engine;
    private final Guest guest;
    /** What each socket tells, by whoever stands for it. */
    private final Map<Object, Set<SharedPart>> told = new LinkedHashMap<>();

    private final Set<SharedPart> registered = new LinkedHashSet<>();
    /** Gone, but the host IOMMU has kept something of it. */
    private final Set<SharedPart> leaving = new LinkedHashSet<>();

    private final Map<SharedPart, String> refused = new LinkedHashMap<>();

    /** Memory of {@code guest}; what a guest that has come back had registered is its memory still. */
    public GuestMemoryShare(Engine engine, Guest guest) {
        this.engine = engine;
        this.guest = guest;
        guest.ownMemory()
                .forEach(each -> registered.add(
                        new SharedPart(each.firstMfn(), each.pages(), each.file(), each.fileOffsetBytes())));
    }

    /**
     * A socket has another memory table. When this returns, nothing leads to what no socket has any more, as far as the host IOMMU lets
     * go of it.
     *
     * @param socket stands for the socket; the same object each time
     * @param regions all of its memory; none when it is gone
     */
    public synchronized void changed(Object socket, List<MappedRegion> regions) {
        Map<SharedPart, FileDescriptor> parts = new LinkedHashMap<>();
        for (MappedRegion region : regions) {
            SharedPart part = SharedPart.of(region);
            if (part != null) {
                parts.put(part, region.memory().fd());
            }
        }
        if (parts.isEmpty()) {
            told.remove(socket);
        } else {
            told.put(socket, new HashSet<>(parts.keySet()));
        }
        refused.keySet().removeIf(part -> !isTold(part));
        dropWhatIsGone();
        parts.forEach(this::register);
    }

    /**
     * A memory table as a guest that comes back brings it, by first mfn; each is the caller's to close.
     *
     * @throws NativeException when the kernel refuses; nothing is left behind
     */
    public static Map<Long, GuestMemory> map(List<MappedRegion> regions) {
        Map<Long, GuestMemory> memories = new LinkedHashMap<>();
        try {
            for (MappedRegion region : regions) {
                SharedPart part = SharedPart.of(region);
                if (part != null) {
                    memories.put(
                            part.firstMfn(), RegionMemory.map(region.memory().fd(), part));
                }
            }
            return memories;
        } catch (RuntimeException e) {
            memories.values().forEach(GuestMemory::close);
            throw e;
        }
    }

    /** What is told but could not be registered, and why: for people. */
    public synchronized List<String> unregistered() {
        List<String> all = new ArrayList<>();
        refused.forEach((part, why) ->
                all.add("mfns 0x" + Long.toHexString(part.firstMfn()) + " pages=" + part.pages() + ": " + why));
        return all;
    }

    private boolean isTold(SharedPart part) {
        return told.values().stream().anyMatch(parts -> parts.contains(part));
    }

    private void dropWhatIsGone() {
        if (!guest.isAlive()) {
            registered.clear();
            leaving.clear();
            return;
        }
        for (SharedPart part : List.copyOf(registered)) {
            if (!isTold(part)) {
                registered.remove(part);
                leaving.add(part);
            }
        }
        leaving.removeIf(this::isLost);
    }

    private boolean isLost(SharedPart part) {
        try {
            return engine.loseMemory(guest, part.firstMfn(), part.pages());
        } catch (EngineException e) {
            // NOT_FOUND: the guest itself is gone, or its memory with a new start. Anything else is tried again.
            return e.kind() == EngineException.Kind.NOT_FOUND;
        }
    }

    private void register(SharedPart part, FileDescriptor fd) {
        if (registered.contains(part) || !guest.isAlive()) {
            return;
        }
        try {
            RegionMemory memory = RegionMemory.map(fd, part);
            try {
                guest.registerMemory(part.firstMfn(), part.pages(), memory);
                registered.add(part);
                refused.remove(part);
            } catch (EngineException | NativeException e) {
                memory.close();
                refused.put(part, String.valueOf(e.getMessage()));
            }
        } catch (NativeException | IllegalArgumentException e) {
            refused.put(part, String.valueOf(e.getMessage()));
        }
    }
}
