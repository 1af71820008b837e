package org.pviommu.host.kernel;

import org.pviommu.engine.Access;
import org.pviommu.engine.GuestMemory;
import org.pviommu.natives.Errno;

/** What is refused before the kernel is asked. Ranges are a first bus frame and a page count. */
final class MapCheck {
    private static final int PAGE_SHIFT = 12;
    private static final int PAGE_BYTES = 1 << PAGE_SHIFT;

    private MapCheck() {}

    /** 0 when {@code [firstBfn, firstBfn + pages - 1]} lies in the aperture {@code [0, lastBfn]}, else a negative errno. */
    static int range(long firstBfn, long pages, long lastBfn) {
        if (firstBfn < 0 || pages < 1) {
            return -Errno.EINVAL;
        }
        // Compared by difference: firstBfn + pages could overflow, lastBfn - firstBfn cannot once firstBfn is below it.
        return firstBfn > lastBfn || pages - 1 > lastBfn - firstBfn ? -Errno.ERANGE : 0;
    }

    /** 0 when the memory has these pages and the access is one, else a negative errno. The range was checked before. */
    static int memory(GuestMemory memory, long offsetBytes, long pages, int access) {
        // pages is at most 2^36 here, so its bytes are at most 2^48.
        long lengthBytes = pages << PAGE_SHIFT;
        long sizeBytes = memory.segment().byteSize();
        boolean inside = offsetBytes >= 0
                && offsetBytes % PAGE_BYTES == 0
                && offsetBytes <= sizeBytes
                && lengthBytes <= sizeBytes - offsetBytes;
        boolean isAccess = access != 0 && (access & ~Access.READ_WRITE) == 0;
        return inside && isAccess ? 0 : -Errno.EINVAL;
    }
}
