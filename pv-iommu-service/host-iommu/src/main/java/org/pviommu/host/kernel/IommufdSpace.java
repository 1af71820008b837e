package org.pviommu.host.kernel;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Collections;
import java.util.Set;
import java.util.WeakHashMap;
import org.jspecify.annotations.Nullable;
import org.pviommu.engine.Access;
import org.pviommu.engine.GuestMemory;
import org.pviommu.engine.HostAddressSpace;
import org.pviommu.engine.IotlbGather;
import org.pviommu.natives.Errno;
import org.pviommu.natives.iommu.LinuxIommu;
import org.pviommu.natives.iommu.iommu_ioas_map;
import org.pviommu.natives.iommu.iommu_ioas_map_file;
import org.pviommu.natives.iommu.iommu_ioas_unmap;

/**
 * One IOAS. The structures of its requests are made once, so that mapping and removing allocate nothing; one writer at a time
 * uses them, as the port promises.
 */
final class IommufdSpace implements HostAddressSpace {
    private static final int PAGE_SHIFT = 12;

    private final IommufdIommu iommu;
    private final Iommufd iommufd;
    private final int ioas;
    private final boolean mapsFiles;
    private final long lastBfn;
    /** What was mapped together, when areas cannot be cut; null when they can, and nothing has to be known. */
    private final @Nullable AreaIndex areas;

    private final MemorySegment mapRequest;
    private final MemorySegment mapFileRequest;
    private final MemorySegment removal;
    private final MemorySegment wholeRemoval;
    /** Memory whose file the kernel does not map, of a plain disk file for one. Empty on the usual machine. */
    private final Set<GuestMemory> byAddress = Collections.newSetFromMap(new WeakHashMap<>());

    private boolean destroyed;

    IommufdSpace(IommufdIommu iommu, Iommufd iommufd, int ioas, IommufdProbe.Found found) {
        this.iommu = iommu;
        this.iommufd = iommufd;
        this.ioas = ioas;
        mapsFiles = found.mapsFiles();
        lastBfn = found.lastBfn();
        areas = found.cuts() ? null : new AreaIndex();
        Arena arena = Arena.ofAuto();
        mapRequest = iommu_ioas_map.allocate(arena);
        iommu_ioas_map.size(mapRequest, (int) iommu_ioas_map.sizeof());
        iommu_ioas_map.ioas_id(mapRequest, ioas);
        mapFileRequest = iommu_ioas_map_file.allocate(arena);
        iommu_ioas_map_file.size(mapFileRequest, (int) iommu_ioas_map_file.sizeof());
        iommu_ioas_map_file.ioas_id(mapFileRequest, ioas);
        removal = Iommufd.newRemoval(arena);
        wholeRemoval = iommu_ioas_unmap.allocate(arena);
        iommu_ioas_unmap.size(wholeRemoval, (int) iommu_ioas_unmap.sizeof());
        iommu_ioas_unmap.ioas_id(wholeRemoval, ioas);
    }

    int ioas() {
        return ioas;
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
        if (areas != null && areas.count() == AreaIndex.MAX_AREAS) {
            return -Errno.ENOSPC;
        }
        int result = mapChecked(firstBfn, pages, memory, offsetBytes, flags(access));
        if (result == 0 && areas != null) {
            areas.add(firstBfn, pages, 0, access);
        }
        return result;
    }

    private int mapChecked(long firstBfn, long pages, GuestMemory memory, long offsetBytes, int flags) {
        if (mapsFiles && memory.fileDescriptor() >= 0 && (byAddress.isEmpty() || !byAddress.contains(memory))) {
            int answer = mapFile(firstBfn, pages, memory, offsetBytes, flags);
            if (answer != -Errno.EINVAL && answer != -Errno.EOPNOTSUPP && answer != -Errno.EBADF) {
                return iommufd.calls().zeroOrError(answer);
            }
            // Only memfds and files of a tmpfs are mapped by file. A range that is wrong for other reasons is refused
            // again.
            byAddress.add(memory);
        }
        return iommufd.calls().zeroOrError(mapAddress(firstBfn, pages, memory, offsetBytes, flags));
    }

    private int mapFile(long firstBfn, long pages, GuestMemory memory, long offsetBytes, int flags) {
        iommu_ioas_map_file.flags(mapFileRequest, flags);
        iommu_ioas_map_file.fd(mapFileRequest, memory.fileDescriptor());
        iommu_ioas_map_file.start(mapFileRequest, memory.fileOffsetBytes() + offsetBytes);
        iommu_ioas_map_file.length(mapFileRequest, pages << PAGE_SHIFT);
        iommu_ioas_map_file.iova(mapFileRequest, firstBfn << PAGE_SHIFT);
        return ask(LinuxIommu.IOMMU_IOAS_MAP_FILE(), mapFileRequest);
    }

    private int mapAddress(long firstBfn, long pages, GuestMemory memory, long offsetBytes, int flags) {
        iommu_ioas_map.flags(mapRequest, flags);
        iommu_ioas_map.user_va(mapRequest, memory.segment().address() + offsetBytes);
        iommu_ioas_map.length(mapRequest, pages << PAGE_SHIFT);
        iommu_ioas_map.iova(mapRequest, firstBfn << PAGE_SHIFT);
        return ask(LinuxIommu.IOMMU_IOAS_MAP(), mapRequest);
    }

    private int ask(int request, MemorySegment argument) {
        return iommufd.calls().ask(iommufd.node(), request, argument, iommufd.calls().maps);
    }

    private static int flags(int access) {
        return LinuxIommu.IOMMU_IOAS_MAP_FIXED_IOVA()
                | ((access & Access.READ) != 0 ? LinuxIommu.IOMMU_IOAS_MAP_READABLE() : 0)
                | ((access & Access.WRITE) != 0 ? LinuxIommu.IOMMU_IOAS_MAP_WRITEABLE() : 0);
    }

    @Override
    public long unmap(long firstBfn, long pages) {
        int refusal = refusal(firstBfn, pages);
        if (refusal != 0) {
            return refusal;
        }
        return areas == null ? iommufd.remove(ioas, removal, firstBfn, pages) : removeWhole(areas, firstBfn, pages);
    }

    private long removeWhole(AreaIndex index, long firstBfn, long pages) {
        long removable = index.removable(firstBfn, pages);
        if (removable < 0) {
            return removable;
        }
        iommu_ioas_unmap.iova(wholeRemoval, firstBfn << PAGE_SHIFT);
        iommu_ioas_unmap.length(wholeRemoval, removable << PAGE_SHIFT);
        KernelCalls calls = iommufd.calls();
        int answer = calls.ask(iommufd.node(), LinuxIommu.IOMMU_IOAS_UNMAP(), wholeRemoval, calls.unmaps);
        long outcome = Removal.outcome(answer, iommu_ioas_unmap.length(wholeRemoval), removable, calls);
        if (outcome > 0) {
            index.remove(firstBfn, outcome);
        }
        return outcome;
    }

    /** {@inheritDoc} The kernel has invalidated before a removal returned, so this is certain at any time. */
    @Override
    public int flush(IotlbGather gather) {
        return destroyed ? -Errno.ENODEV : 0;
    }

    @Override
    public int attach(int endpoint) {
        return destroyed ? -Errno.ENODEV : iommu.attach(endpoint, this);
    }

    @Override
    public int detach(int endpoint) {
        return iommu.detach(endpoint, this);
    }

    /** {@inheritDoc} Whatever is attached or mapped nevertheless is blocked and removed. */
    @Override
    public void destroy() {
        if (!destroyed) {
            destroyed = true;
            iommu.destroy(this);
        }
    }

    private int refusal(long firstBfn, long pages) {
        return destroyed ? -Errno.ENODEV : MapCheck.range(firstBfn, pages, lastBfn);
    }
}
