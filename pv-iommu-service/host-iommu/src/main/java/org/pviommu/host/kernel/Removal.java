package org.pviommu.host.kernel;

import org.pviommu.natives.Errno;

/** What the kernel's answer to a removal means, from the size that it wrote back. Frames are 4 KiB. */
final class Removal {
    private static final int PAGE_SHIFT = 12;

    private Removal() {}

    /**
     * Reconciles answer and size. The kernel removes in ascending order, so what it removed before an error is a number of leading
     * pages (catalogue D09); a size that is not less than what was asked for was not written back by a call that failed.
     *
     * @param answer what the call returned
     * @param removedBytes the size field after the call
     * @param pages how many pages were asked for, at least 1
     * @return as {@link org.pviommu.engine.HostAddressSpace#unmap}: pages removed, at least 1, or a negative errno
     */
    static long outcome(int answer, long removedBytes, long pages, KernelCalls calls) {
        long removedPages = removedBytes >>> PAGE_SHIFT;
        if (answer != 0) {
            boolean partly = answer < 0 && removedPages > 0 && removedPages < pages;
            if (partly) {
                calls.shortRemovals.increment();
            }
            return partly ? removedPages : KernelErrno.ofRemoval(calls.zeroOrError(answer));
        }
        if (removedPages == 0) {
            calls.fruitless.increment();
            return -Errno.ENOENT;
        }
        if (removedPages != pages) {
            (removedPages < pages ? calls.shortRemovals : calls.longRemovals).increment();
        }
        return removedPages;
    }
}
