package org.pviommu.host.kernel;

import java.util.ArrayList;
import java.util.List;
import org.pviommu.engine.GuestMemory;
import org.pviommu.engine.HostAddressSpace;
import org.pviommu.engine.IotlbGather;
import org.pviommu.natives.Errno;

/**
 * One address space of type1: a list of areas, and the containers of the groups that are attached, each of which holds all of them.
 *
 * <p>type1 removes whole areas only. A cut is refused without asking the kernel; or, by explicit setting, made by removing the area
 * and mapping again what stays, which leaves the neighbours unmapped for a moment.
 *
 * <p>One thread at a time, as the port promises.
 */
final class Type1Space implements HostAddressSpace {
    private final Type1Iommu iommu;
    private final long lastBfn;
    private final boolean remaps;
    private final AreaIndex areas = new AreaIndex();
    private final List<Type1Container> containers = new ArrayList<>();
    private final List<Integer> endpoints = new ArrayList<>();
    private boolean destroyed;
    /** A way back was refused: the containers were emptied, and nothing is mapped in them until the end (catalogue D16). */
    private boolean failed;

    Type1Space(Type1Iommu iommu, long lastBfn, boolean remaps) {
        this.iommu = iommu;
        this.lastBfn = lastBfn;
        this.remaps = remaps;
    }

    @Override
    public int map(long firstBfn, long pages, GuestMemory memory, long offsetBytes, int access) {
        int refusal = refusal(firstBfn, pages);
        if (refusal == 0) {
            refusal = MapCheck.memory(memory, offsetBytes, pages, access);
        }
        if (refusal != 0) {
            return refusal;
        }
        if (areas.overlaps(firstBfn, pages)) {
            return -Errno.EEXIST;
        }
        if (areas.count() == AreaIndex.MAX_AREAS) {
            return -Errno.ENOSPC;
        }
        long address = memory.segment().address() + offsetBytes;
        int result = mapEverywhere(firstBfn, pages, address, access);
        if (result == 0) {
            areas.add(firstBfn, pages, address, access);
        }
        return result;
    }

    /** In all containers, or in none: what one has taken is removed again when another refuses (catalogue D15). */
    private int mapEverywhere(long firstBfn, long pages, long address, int access) {
        for (int i = 0; i < containers.size(); i++) {
            int result = containers.get(i).map(firstBfn, pages, address, access);
            if (result != 0) {
                for (int back = 0; back < i; back++) {
                    if (containers.get(back).unmap(firstBfn, pages) != pages) {
                        fail();
                    }
                }
                return result;
            }
        }
        return 0;
    }

    @Override
    public long unmap(long firstBfn, long pages) {
        int refusal = refusal(firstBfn, pages);
        if (refusal != 0) {
            return refusal;
        }
        return remaps ? removeOrCut(firstBfn, pages) : removeWhole(firstBfn, pages);
    }

    private long removeWhole(long firstBfn, long pages) {
        long removable = areas.removable(firstBfn, pages);
        return removable < 0 ? removable : remove(firstBfn, removable);
    }

    /** Whole areas together, and what is a part of one by itself; in the end all, as where a host cuts. */
    private long removeOrCut(long firstBfn, long pages) {
        long done = 0;
        while (done < pages) {
            long step = removeWhole(firstBfn + done, pages - done);
            if (step == -Errno.EBUSY) {
                step = cut(firstBfn + done, pages - done);
            }
            if (step <= 0) {
                return done > 0 ? done : step;
            }
            done += step;
        }
        return done;
    }

    private long remove(long firstBfn, long pages) {
        long removed = removeEverywhere(firstBfn, pages);
        if (removed > 0) {
            areas.remove(firstBfn, removed);
        }
        return removed;
    }

    /** What every container has removed; where they differ, the one that removed least is right about what is left. */
    private long removeEverywhere(long firstBfn, long pages) {
        long least = pages;
        long refused = 0;
        for (int i = 0; i < containers.size(); i++) {
            long removed = containers.get(i).unmap(firstBfn, pages);
            if (removed < 0) {
                refused = removed;
            } else {
                least = containers.size() == 1 ? removed : Math.min(least, removed);
            }
        }
        if (refused != 0 && containers.size() > 1) {
            fail(); // gone for one group and not for the other: no longer one address space
        }
        return refused != 0 ? refused : least;
    }

    /** Takes pages out of one area, which is removed and mapped again around them. */
    private long cut(long firstBfn, long pages) {
        int index = areas.find(firstBfn);
        long areaFirst = areas.firstBfn(index);
        long areaEnd = areaFirst + areas.pages(index);
        long end = Math.min(areaEnd, firstBfn + pages);
        long address = areas.address(index);
        int access = areas.access(index);
        long removed = remove(areaFirst, areaEnd - areaFirst);
        if (removed != areaEnd - areaFirst) {
            if (removed > 0) {
                fail();
            }
            return removed > 0 ? -Errno.EIO : removed;
        }
        boolean back = mapAgain(areaFirst, firstBfn, areaFirst, address, access)
                && mapAgain(end, areaEnd, areaFirst, address, access);
        if (!back) {
            fail(); // neighbours that the table says are mapped are lost
            return -Errno.EIO;
        }
        return end - firstBfn;
    }

    private boolean mapAgain(long from, long end, long areaFirst, long address, int access) {
        if (from == end) {
            return true;
        }
        long newAddress = address + ((from - areaFirst) << 12);
        if (areas.count() == AreaIndex.MAX_AREAS || mapEverywhere(from, end - from, newAddress, access) != 0) {
            return false;
        }
        areas.add(from, end - from, newAddress, access);
        return true;
    }

    /**
     * Containers and table differ, and the way back was refused: devices are cut off from everything. An emptied container reaches
     * nothing, so this is safe whatever the guest is told.
     */
    private void fail() {
        failed = true;
        for (Type1Container container : containers) {
            container.unmapAll();
        }
    }

    /** {@inheritDoc} The kernel has invalidated before a removal returned, so this is certain at any time. */
    @Override
    public int flush(IotlbGather gather) {
        return destroyed ? -Errno.ENODEV : 0;
    }

    @Override
    public int attach(int endpoint) {
        if (destroyed || failed) {
            return -Errno.ENODEV;
        }
        Type1Container container = iommu.container(endpoint);
        if (container == null) {
            return -Errno.ENODEV;
        }
        if (endpoints.contains(endpoint)) {
            return 0;
        }
        synchronized (container) {
            Type1Space user = container.space();
            if (user != null && user != this) {
                return -Errno.EBUSY;
            }
            int result = user == this ? 0 : fill(container);
            if (result == 0) {
                endpoints.add(endpoint);
            }
            return result;
        }
    }

    /** Maps all areas in a container that is empty; on failure it is empty again. */
    private int fill(Type1Container container) {
        for (int i = 0; i < areas.count(); i++) {
            int result = container.map(areas.firstBfn(i), areas.pages(i), areas.address(i), areas.access(i));
            if (result != 0) {
                container.unmapAll();
                return result;
            }
        }
        container.space(this);
        containers.add(container);
        return 0;
    }

    /** {@inheritDoc} Members of a group are blocked together, with the last of them. */
    @Override
    public int detach(int endpoint) {
        if (!endpoints.contains(endpoint)) {
            return -Errno.ENOENT;
        }
        Type1Container container = iommu.container(endpoint);
        boolean last = endpoints.stream()
                        .filter(other -> iommu.container(other) == container)
                        .count()
                == 1;
        int result = last && container != null ? empty(container) : 0;
        if (result == 0) {
            endpoints.remove(Integer.valueOf(endpoint));
        }
        return result;
    }

    private int empty(Type1Container container) {
        synchronized (container) {
            int result = areas.count() == 0 ? 0 : container.unmapAll();
            if (result == 0) {
                container.space(null);
                containers.remove(container);
            }
            return result;
        }
    }

    /** {@inheritDoc} Whatever is attached or mapped nevertheless is blocked and removed. */
    @Override
    public void destroy() {
        if (!destroyed) {
            List.copyOf(endpoints).forEach(this::detach);
            destroyed = true;
            iommu.forget(this);
        }
    }

    private int refusal(long firstBfn, long pages) {
        if (destroyed || failed) {
            return -Errno.ENODEV;
        }
        return MapCheck.range(firstBfn, pages, lastBfn);
    }
}
