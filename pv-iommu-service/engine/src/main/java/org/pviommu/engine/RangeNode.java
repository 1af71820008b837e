package org.pviommu.engine;

/**
 * The layout of the nodes of a {@link RangeIndex}, by address. All words are 8 bytes.
 *
 * <pre>
 *  leaf:   header | entry 0 | entry 1 | ... | entry 14          entry: first, last, target, attributes
 *  inner:  header | key 0 ... key 29 | child 0 ... child 30     child i holds the keys before key i, and from key i-1 on
 * </pre>
 *
 * The header counts the entries, or the keys (one less than the children); its sign bit tells an inner node. IOVAs are kept with
 * the top bit flipped, so that signed comparisons order them as the unsigned numbers that they are; {@link #biased} does and
 * undoes it.
 *
 * <p>What a reader may find changed under it: a child's address, and a count that has grown by one. Both are single words,
 * written with release order after what they lead to.
 */
final class RangeNode {
    static final int LEAF_ENTRIES = 15;
    static final int ENTRY_BYTES = 32;
    static final int INNER_KEYS = 30;
    private static final int FIRST_WORD = 8;
    private static final int CHILDREN = FIRST_WORD + INNER_KEYS * 8;
    private static final long INNER = Long.MIN_VALUE;

    private RangeNode() {}

    static long biased(long iova) {
        return iova ^ Long.MIN_VALUE;
    }

    static long header(long node) {
        return RawMemory.getLongAcquire(node);
    }

    static boolean isInner(long header) {
        return header < 0;
    }

    /** Entries of a leaf, keys of an inner node; within the node whatever the header holds. */
    static int count(long header) {
        return (int) header & 31;
    }

    static void publishLeaf(long node, int entries) {
        RawMemory.putLongRelease(node, entries);
    }

    static void publishInner(long node, int keys) {
        RawMemory.putLongRelease(node, INNER | keys);
    }

    static long entry(long leaf, int index) {
        return leaf + FIRST_WORD + (long) index * ENTRY_BYTES;
    }

    static void putEntry(long entry, long first, long last, long target, long attributes) {
        RawMemory.putLong(entry, first);
        RawMemory.putLong(entry + 8, last);
        RawMemory.putLong(entry + 16, target);
        RawMemory.putLong(entry + 24, attributes);
    }

    /** First IOVA, biased. */
    static long first(long entry) {
        return RawMemory.getLong(entry);
    }

    /** Last IOVA, biased. */
    static long last(long entry) {
        return RawMemory.getLong(entry + 8);
    }

    static long target(long entry) {
        return RawMemory.getLong(entry + 16);
    }

    static long attributes(long entry) {
        return RawMemory.getLong(entry + 24);
    }

    static void putAttributes(long entry, long attributes) {
        RawMemory.putLongRelease(entry + 24, attributes);
    }

    static long key(long inner, int index) {
        return RawMemory.getLong(inner + FIRST_WORD + (long) index * 8);
    }

    static void putKey(long inner, int index, long key) {
        RawMemory.putLong(inner + FIRST_WORD + (long) index * 8, key);
    }

    static long child(long inner, int index) {
        return RawMemory.getLongAcquire(inner + CHILDREN + (long) index * 8);
    }

    static void putChild(long inner, int index, long child) {
        RawMemory.putLongRelease(inner + CHILDREN + (long) index * 8, child);
    }

    /** How many of the {@code count} keys are at most {@code key}: the index of the child to go to. */
    static int childIndex(long inner, int count, long key) {
        return notAbove(inner + FIRST_WORD, 8, count, key);
    }

    /** How many of the {@code count} entries begin at or before {@code key}. */
    static int entriesNotAbove(long leaf, int count, long key) {
        return notAbove(leaf + FIRST_WORD, ENTRY_BYTES, count, key);
    }

    /** Halves what is left without a jump that depends on the keys: these are random, and a mispredicted jump costs a cache hit. */
    private static int notAbove(long words, int strideBytes, int count, long key) {
        long base = RawMemory.inUserSpace(words);
        int low = 0;
        int left = count;
        while (left > 0) {
            int half = (left + 1) >>> 1;
            boolean notAbove = RawMemory.getLong(base + (long) (low + half - 1) * strideBytes) <= key;
            low = notAbove ? low + half : low;
            left = notAbove ? left - half : half - 1;
        }
        return low;
    }

    static void copyEntries(long fromLeaf, int fromIndex, long toLeaf, int toIndex, int entries) {
        copyWords(entry(fromLeaf, fromIndex), entry(toLeaf, toIndex), entries * (ENTRY_BYTES / 8));
    }

    static void copyKeys(long from, int fromIndex, long to, int toIndex, int keys) {
        copyWords(from + FIRST_WORD + fromIndex * 8L, to + FIRST_WORD + toIndex * 8L, keys);
    }

    /** Plain: the target becomes visible to readers only by a release store of its address. */
    static void copyChildren(long from, int fromIndex, long to, int toIndex, int children) {
        copyWords(from + CHILDREN + fromIndex * 8L, to + CHILDREN + toIndex * 8L, children);
    }

    /** A few lines at most, for which a loop beats setting up a bulk copy. */
    private static void copyWords(long from, long to, int words) {
        long source = RawMemory.inUserSpace(from);
        long target = RawMemory.inUserSpace(to);
        for (int i = 0; i < words; i++) {
            RawMemory.putLong(target + i * 8L, RawMemory.getLong(source + i * 8L));
        }
    }
}
