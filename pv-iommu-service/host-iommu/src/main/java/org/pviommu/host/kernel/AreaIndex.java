package org.pviommu.host.kernel;

import java.util.Arrays;
import org.pviommu.natives.Errno;

/**
 * What was mapped together, for a kernel interface that removes only whole areas: it answers before the kernel is asked, so that no
 * request is made in vain, and knows what to map again in another container. Sorted arrays, which grow and are never searched
 * linearly; at most {@value #MAX_AREAS} areas, as many as a container takes. One writer at a time. Ranges are a first bus frame and
 * a page count.
 */
final class AreaIndex {
    /** VFIO's own default for a container. */
    static final int MAX_AREAS = 65_535;

    private static final int FIRST_CAPACITY = 64;

    private long[] firstBfn = new long[FIRST_CAPACITY];
    private long[] pages = new long[FIRST_CAPACITY];
    private long[] address = new long[FIRST_CAPACITY];
    private int[] access = new int[FIRST_CAPACITY];
    private int count;

    int count() {
        return count;
    }

    long firstBfn(int index) {
        return firstBfn[index];
    }

    long pages(int index) {
        return pages[index];
    }

    /** Where its memory begins in this process. */
    long address(int index) {
        return address[index];
    }

    int access(int index) {
        return access[index];
    }

    /** Whether anything of the range is mapped. */
    boolean overlaps(long bfn, long length) {
        int index = floor(bfn + length - 1);
        return index >= 0 && lastBfn(index) >= bfn;
    }

    /** The area that contains {@code bfn}, or -1. */
    int find(long bfn) {
        int index = floor(bfn);
        return index >= 0 && lastBfn(index) >= bfn ? index : -1;
    }

    /** Adds an area that overlaps none; the caller has seen that there is room. */
    void add(long bfn, long length, long newAddress, int newAccess) {
        grow();
        int index = floor(bfn) + 1;
        open(index);
        firstBfn[index] = bfn;
        pages[index] = length;
        address[index] = newAddress;
        access[index] = newAccess;
        count++;
    }

    /**
     * How many leading pages of the range are whole areas without a hole between them.
     *
     * @return at least 1; -ENOENT when the first page is not mapped; -EBUSY when its area would have to be cut
     */
    long removable(long bfn, long length) {
        int index = find(bfn);
        if (index < 0) {
            return -Errno.ENOENT;
        }
        long removable = 0;
        while (index < count && firstBfn[index] == bfn + removable && pages[index] <= length - removable) {
            removable += pages[index];
            index++;
        }
        return removable == 0 ? -Errno.EBUSY : removable;
    }

    /** Forgets {@code length} pages from {@code bfn} on; the first and the last area may keep a part. */
    void remove(long bfn, long length) {
        long end = bfn + length;
        int index = Math.max(0, floor(bfn));
        while (index < count && firstBfn[index] < end) {
            if (lastBfn(index) < bfn) {
                index++;
            } else {
                index = removeFrom(index, bfn, end);
            }
        }
    }

    /** Takes {@code [bfn, end - 1]} out of one area that it overlaps; the index of the next one. */
    private int removeFrom(int index, long bfn, long end) {
        long areaFirst = firstBfn[index];
        long areaEnd = areaFirst + pages[index];
        long areaAddress = address[index];
        int areaAccess = access[index];
        int next = index;
        if (areaFirst < bfn) {
            pages[index] = bfn - areaFirst;
            next++;
        } else {
            close(index);
        }
        if (areaEnd > end) {
            add(end, areaEnd - end, areaAddress + ((end - areaFirst) << 12), areaAccess);
            next++;
        }
        return next;
    }

    private long lastBfn(int index) {
        return firstBfn[index] + pages[index] - 1;
    }

    /** The last area that begins at or before {@code bfn}, or -1. */
    private int floor(long bfn) {
        int found = Arrays.binarySearch(firstBfn, 0, count, bfn);
        return found >= 0 ? found : -found - 2;
    }

    private void grow() {
        if (count == firstBfn.length) {
            int capacity = 2 * count;
            firstBfn = Arrays.copyOf(firstBfn, capacity);
            pages = Arrays.copyOf(pages, capacity);
            address = Arrays.copyOf(address, capacity);
            access = Arrays.copyOf(access, capacity);
        }
    }

    private void open(int index) {
        move(index, index + 1, count - index);
    }

    private void close(int index) {
        move(index + 1, index, count - index - 1);
        count--;
    }

    private void move(int from, int to, int length) {
        System.arraycopy(firstBfn, from, firstBfn, to, length);
        System.arraycopy(pages, from, pages, to, length);
        System.arraycopy(address, from, address, to, length);
        System.arraycopy(access, from, access, to, length);
    }
}
