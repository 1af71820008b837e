package org.pviommu.engine;

/**
 * The ordered mappings of one mapping-granular address space: what one MAP made is removed whole or not at all, and neighbours are
 * never merged. Ranges are inclusive {@code [first, last]}, unsigned, up to the last byte of 64 bits.
 *
 * <p>A B+-tree off-heap, because a virtio mapping covers hundreds of pages: filling page entries is bound by memory (168 entries
 * of a table for an average mapping, written twice), while a tree touches one leaf. Nodes are {@value NodePool#NODE_BYTES} bytes:
 * small enough to be copied for each change, and 100,000 mappings are four levels.
 *
 * <p>Readers take no lock and never retry because of a writer. A leaf that was published only ever gets an entry appended behind
 * its last; every other change builds a new leaf and swaps its address in the parent, which is one store, and the old one is
 * reused after a grace period of the {@link ReaderGate}. The same goes for inner nodes when their number of children changes. So a
 * reader that is on its way down sees each leaf as it was at some moment of its section.
 *
 * <p>A removal never fails for want of memory: it takes as many nodes as it gives back, and {@value #RESERVED_NODES} are kept
 * that no insertion may use. Leaves are merged when two neighbours would fill one only partly, inner nodes go when their last
 * child goes; an inner node with few children is left alone, for it costs its guest a node of the quota and nobody else anything.
 *
 * <p>One writer at a time (the guest's lock). Entries are named by the address of their leaf's slot: valid for a reader until
 * the end of its section, for the writer until its next change.
 */
final class RangeIndex {
    /** What {@link #insert} answers. */
    enum Insertion {
        DONE,
        /** A mapping is in the way; nothing has changed. */
        OVERLAP,
        /** The guest's quota or the service's memory is used up; nothing has changed. */
        NO_MEMORY
    }

    /** Takes mappings in ascending order, such as what a removal removes. */
    interface Sink {
        void mapping(long first, long last, long target, long attributes);
    }

    /** {@link #remove} would have had to cut a mapping; nothing has changed. */
    static final int SPLIT = -1;

    /**
     * Nodes that only removals use. One step of a removal takes two at most, a leaf and its parent, and unlinks at least as
     * many: with those that wait for readers to leave, there are never fewer than this.
     */
    static final int RESERVED_NODES = 4;

    /**
     * Inner levels. A root gets a parent only after it was full, so each further level takes 15 times as many insertions:
     * this many are out of reach of any guest, and an insertion that gets there is refused.
     */
    private static final int MAX_HEIGHT = 12;

    /** Two neighbours are merged when both together have no more than this: room is left, so the next MAP splits nothing. */
    private static final int MERGED_ENTRIES = 11;

    /** Unlinked nodes wait until there are this many, so that one grace period serves them all. */
    private static final int RETIRED_NODES = 48;

    /** Free nodes beyond this make whole pages go back: what {@link #RETIRED_NODES} set free is soon wanted again. */
    static final int KEPT_NODES = 64;

    private final NodePool nodes;
    private final ReaderGate readers;
    private final long[] retired = new long[RETIRED_NODES + 4 * MAX_HEIGHT];
    private int retiredCount;

    /** The way down to {@link #leaf}: inner nodes, and which child was taken. */
    private final long[] path = new long[MAX_HEIGHT];

    private final int[] pathIndex = new int[MAX_HEIGHT];
    private int height;
    private long leaf;
    /** Whether there are leaves to the left of {@link #leaf}. */
    private boolean hasLow;

    /** Whether there are leaves to the right, and the key, biased, that what they hold is not below. */
    private boolean hasHigh;

    private long highKey;

    /** 0 once it is destroyed. */
    private volatile long root;

    private long size;

    /**
     * An empty index.
     *
     * @throws EngineException LIMIT when there is no memory for the first nodes
     */
    RangeIndex(TableMemory memory, TableQuota quota, ReaderGate readers) {
        this.readers = readers;
        nodes = new NodePool(memory, quota);
        if (!ensure(RESERVED_NODES + 1)) {
            nodes.close();
            throw new EngineException(EngineException.Kind.LIMIT, "no table page left for another address space");
        }
        root = newLeaf(0);
    }

    /** How many mappings there are. */
    long size() {
        return size;
    }

    /** Pages charged to the guest. */
    int tablePages() {
        return nodes.pages();
    }

    // ---- entries, for readers inside a section and for the writer

    static long first(long entry) {
        return RangeNode.biased(RangeNode.first(entry));
    }

    static long last(long entry) {
        return RangeNode.biased(RangeNode.last(entry));
    }

    static long target(long entry) {
        return RangeNode.target(entry);
    }

    static long attributes(long entry) {
        return RangeNode.attributes(entry);
    }

    /** The mapping that {@code iova} lies in, 0 when there is none. Inside a reader section, without a lock. */
    long find(long iova) {
        long key = RangeNode.biased(iova);
        long entry = floor(key);
        return entry != 0 && RangeNode.last(entry) >= key ? entry : 0;
    }

    /** The mapping that {@code iova} lies in, else the next one above, 0 when there is none. Inside a reader section. */
    long findAtOrAfter(long iova) {
        long found = find(iova);
        return found != 0 ? found : ceiling(RangeNode.biased(iova));
    }

    /**
     * The last entry that begins at or before {@code key}. Where the leaf has none, the one looked for is in a leaf further
     * left: only the root may be an empty leaf, so the second way down finds it, unless a writer is at work there just now.
     * The key falls each time, and what begins before it and stays is never passed over.
     */
    private long floor(long key) {
        long limit = key;
        while (true) {
            long node = root;
            long low = 0;
            boolean anyLow = false;
            if (node == 0) {
                return 0;
            }
            long header = RangeNode.header(node);
            while (RangeNode.isInner(header)) {
                int index = RangeNode.childIndex(node, RangeNode.count(header), limit);
                if (index > 0) {
                    low = RangeNode.key(node, index - 1);
                    anyLow = true;
                }
                node = RangeNode.child(node, index);
                header = RangeNode.header(node);
            }
            int notAbove = RangeNode.entriesNotAbove(node, RangeNode.count(header), limit);
            if (notAbove > 0) {
                return RangeNode.entry(node, notAbove - 1);
            }
            if (!anyLow || low == Long.MIN_VALUE) {
                return 0;
            }
            limit = low - 1; // low > MIN_VALUE: no wrap
        }
    }

    /** The first entry that begins at or after {@code key}, 0 when there is none. */
    private long ceiling(long key) {
        long limit = key;
        while (true) {
            long node = root;
            long high = 0;
            boolean anyHigh = false;
            if (node == 0) {
                return 0;
            }
            long header = RangeNode.header(node);
            while (RangeNode.isInner(header)) {
                int keys = RangeNode.count(header);
                int index = RangeNode.childIndex(node, keys, limit);
                if (index < keys) {
                    high = RangeNode.key(node, index);
                    anyHigh = true;
                }
                node = RangeNode.child(node, index);
                header = RangeNode.header(node);
            }
            int count = RangeNode.count(header);
            int at = entriesBelow(node, count, limit);
            if (at < count) {
                return RangeNode.entry(node, at);
            }
            if (!anyHigh) {
                return 0;
            }
            limit = high;
        }
    }

    private static int entriesBelow(long leaf, int count, long key) {
        return key == Long.MIN_VALUE ? 0 : RangeNode.entriesNotAbove(leaf, count, key - 1);
    }

    // ---- the writer

    /** Gives an entry other attributes: one word, so readers see the old ones or the new ones. */
    void putAttributes(long entry, long attributes) {
        RangeNode.putAttributes(entry, attributes);
    }

    /** Whether a mapping has a byte in common with {@code [firstIova, lastIova]}. */
    boolean overlaps(long firstIova, long lastIova) {
        long entry = floor(RangeNode.biased(lastIova));
        return entry != 0 && RangeNode.last(entry) >= RangeNode.biased(firstIova);
    }

    /**
     * Adds a mapping.
     *
     * @param firstIova first byte
     * @param lastIova last byte, not below the first
     * @param target where the first byte leads to
     * @param attributes kept with it
     */
    Insertion insert(long firstIova, long lastIova, long target, long attributes) {
        long first = RangeNode.biased(firstIova);
        long last = RangeNode.biased(lastIova);
        if (first > last) {
            throw new IllegalArgumentException(
                    "first=" + Long.toHexString(firstIova) + " last=" + Long.toHexString(lastIova));
        }
        descend(first);
        int count = RangeNode.count(RangeNode.header(leaf));
        int at = RangeNode.entriesNotAbove(leaf, count, first);
        if (overlapsHere(first, last, at, count)) {
            return Insertion.OVERLAP;
        }
        // A split takes two leaves, two nodes for each inner level, and a root.
        if (height == MAX_HEIGHT || !ensure(RESERVED_NODES + 3 + 2 * height)) {
            return Insertion.NO_MEMORY;
        }
        if (at == count && count < RangeNode.LEAF_ENTRIES) {
            RangeNode.putEntry(RangeNode.entry(leaf, at), first, last, target, attributes);
            RangeNode.publishLeaf(leaf, count + 1);
        } else if (count < RangeNode.LEAF_ENTRIES) {
            long grown = copyWithGap(leaf, 0, count, at);
            RangeNode.putEntry(RangeNode.entry(grown, at), first, last, target, attributes);
            replaceLeaf(grown);
        } else {
            split(at, first, last, target, attributes);
        }
        size++;
        return Insertion.DONE;
    }

    /** As {@link #overlaps}, looking beyond the leaf only where the range may reach beyond it. */
    private boolean overlapsHere(long first, long last, int at, int count) {
        if (at < count ? RangeNode.first(RangeNode.entry(leaf, at)) <= last : hasHigh && last >= highKey) {
            // The next one of this leaf begins inside; or what is in the leaves to the right has to be looked at.
            return at < count || overlaps(RangeNode.biased(first), RangeNode.biased(last));
        }
        long before = at > 0 ? RangeNode.entry(leaf, at - 1) : hasLow ? floor(first) : 0;
        return before != 0 && RangeNode.last(before) >= first;
    }

    /**
     * Removes the mappings that lie in {@code [firstIova, lastIova]}; holes are fine.
     *
     * @return how many, or {@link #SPLIT} when a mapping lies in it partly: then nothing is removed, also not the mappings that
     *     lie in it wholly (catalogue B22)
     */
    int remove(long firstIova, long lastIova, Sink sink) {
        long first = RangeNode.biased(firstIova);
        long last = RangeNode.biased(lastIova);
        if (first > last) {
            return 0;
        }
        descend(first);
        int count = RangeNode.count(RangeNode.header(leaf));
        int from = entriesBelow(leaf, count, first);
        if (reachesInto(first, from)) {
            return SPLIT;
        }
        if (hasHigh && last >= highKey) {
            return removeFromSeveral(first, last, sink);
        }
        int to = RangeNode.entriesNotAbove(leaf, count, last);
        if (to > from && RangeNode.last(RangeNode.entry(leaf, to - 1)) > last) {
            return SPLIT;
        }
        return removeHere(from, to, count, sink);
    }

    /** Whether the mapping that begins before {@code first}, the entry before {@code from}, ends at or behind it. */
    private boolean reachesInto(long first, int from) {
        long before = from > 0
                ? RangeNode.entry(leaf, from - 1)
                : hasLow ? floor(first - 1) : 0; // hasLow: first is not the lowest number
        return before != 0 && RangeNode.last(before) >= first;
    }

    /** The range may reach beyond the leaf: its end is looked at first, then one leaf after the other gives what it has. */
    private int removeFromSeveral(long first, long last, Sink sink) {
        long end = floor(last);
        if (end != 0 && RangeNode.last(end) > last) {
            return SPLIT;
        }
        int removed = 0;
        int step = removeStep(first, last, sink);
        while (step > 0) {
            removed += step;
            step = removeStep(first, last, sink);
        }
        return removed;
    }

    /** Removes from the first leaf that has something of the range; how many. */
    private int removeStep(long first, long last, Sink sink) {
        descend(first);
        int count = RangeNode.count(RangeNode.header(leaf));
        int from = entriesBelow(leaf, count, first);
        if (from == count && hasHigh && highKey <= last) {
            descend(highKey);
            count = RangeNode.count(RangeNode.header(leaf));
            from = 0;
        }
        return removeHere(from, RangeNode.entriesNotAbove(leaf, count, last), count, sink);
    }

    private int removeHere(int from, int to, int count, Sink sink) {
        if (to <= from) {
            return 0;
        }
        for (int i = from; i < to; i++) {
            long entry = RangeNode.entry(leaf, i);
            sink.mapping(first(entry), last(entry), target(entry), attributes(entry));
        }
        ensure(RESERVED_NODES); // There are as many, retired ones included: no answer to look at.
        removeEntries(from, to, count);
        size -= to - from;
        return to - from;
    }

    private void removeEntries(int from, int to, int count) {
        int left = count - (to - from);
        if (left == 0 && height > 0) {
            retire(leaf);
            dropChild(height - 1);
        } else if (left > MERGED_ENTRIES / 2 || height == 0 || !mergeWithNeighbour(from, to, count)) {
            replaceLeaf(leafWithout(from, to, count));
        }
    }

    private long leafWithout(int from, int to, int count) {
        long copy = nodes.take();
        RangeNode.copyEntries(leaf, 0, copy, 0, from);
        RangeNode.copyEntries(leaf, to, copy, from, count - to);
        RangeNode.publishLeaf(copy, count - (to - from));
        return copy;
    }

    /** Puts what is left of the leaf and a neighbour with the same parent into one; false when neither has room. */
    private boolean mergeWithNeighbour(int from, int to, int count) {
        int level = height - 1;
        long parent = path[level];
        int index = pathIndex[level];
        int left = count - (to - from);
        int keys = RangeNode.count(RangeNode.header(parent));
        for (int neighbour = index - 1; neighbour <= index + 1; neighbour += 2) {
            if (neighbour < 0 || neighbour > keys) {
                continue;
            }
            long other = RangeNode.child(parent, neighbour);
            int others = RangeNode.count(RangeNode.header(other));
            if (left + others <= MERGED_ENTRIES) {
                long merged = nodes.take();
                int mine = neighbour < index ? others : 0;
                RangeNode.copyEntries(other, 0, merged, neighbour < index ? 0 : left, others);
                RangeNode.copyEntries(leaf, 0, merged, mine, from);
                RangeNode.copyEntries(leaf, to, merged, mine + from, count - to);
                RangeNode.publishLeaf(merged, left + others);
                retire(leaf);
                retire(other);
                replaceTwoChildren(level, Math.min(index, neighbour), merged);
                return true;
            }
        }
        return false;
    }

    /** In one step for readers: a new parent that has {@code merged} in place of two neighbours. */
    private void replaceTwoChildren(int level, int index, long merged) {
        long parent = path[level];
        int keys = RangeNode.count(RangeNode.header(parent));
        if (keys == 1) {
            retire(parent);
            // An inner node with one child is only a detour; its place is the child's if the levels stay equal, so the
            // root's.
            if (level == 0) {
                root = merged;
                return;
            }
            long single = nodes.take();
            RangeNode.putChild(single, 0, merged);
            RangeNode.publishInner(single, 0);
            link(level, single);
            return;
        }
        long copy = nodes.take();
        RangeNode.copyKeys(parent, 0, copy, 0, index);
        RangeNode.copyKeys(parent, index + 1, copy, index, keys - index - 1);
        RangeNode.copyChildren(parent, 0, copy, 0, index);
        RangeNode.putChild(copy, index, merged);
        RangeNode.copyChildren(parent, index + 2, copy, index + 1, keys - index - 1);
        RangeNode.publishInner(copy, keys - 1);
        retire(parent);
        link(level, copy);
    }

    /** Takes the child on the way down out of its parent, and the parent too when it was its only one. */
    private void dropChild(int fromLevel) {
        int level = fromLevel;
        while (level > 0 && RangeNode.count(RangeNode.header(path[level])) == 0) {
            retire(path[level]);
            level--;
        }
        long parent = path[level];
        int keys = RangeNode.count(RangeNode.header(parent));
        retire(parent);
        if (keys == 0) {
            root = newLeaf(0); // the root's last child: nothing is mapped any more
            return;
        }
        int index = pathIndex[level];
        if (keys == 1 && level == 0) {
            setRoot(RangeNode.child(parent, 1 - index));
            return;
        }
        int key = Math.max(index - 1, 0); // the key on its left goes with it; the first child has none
        long copy = nodes.take();
        RangeNode.copyKeys(parent, 0, copy, 0, key);
        RangeNode.copyKeys(parent, key + 1, copy, key, keys - key - 1);
        RangeNode.copyChildren(parent, 0, copy, 0, index);
        RangeNode.copyChildren(parent, index + 1, copy, index, keys - index);
        RangeNode.publishInner(copy, keys - 1);
        link(level, copy);
    }

    /** The new root; where it leads to one child only, that one. */
    private void setRoot(long node) {
        long top = node;
        long header = RangeNode.header(top);
        while (RangeNode.isInner(header) && RangeNode.count(header) == 0) {
            retire(top);
            top = RangeNode.child(top, 0);
            header = RangeNode.header(top);
        }
        root = top;
    }

    private void replaceLeaf(long by) {
        retire(leaf);
        link(height, by);
    }

    /** Makes {@code node} the one at {@code level} of the way down: one store, from which on readers find it. */
    private void link(int level, long node) {
        if (level == 0) {
            root = node;
        } else {
            RangeNode.putChild(path[level - 1], pathIndex[level - 1], node);
        }
    }

    // ---- growing

    private long newLeaf(int entries) {
        long node = nodes.take();
        RangeNode.publishLeaf(node, entries);
        return node;
    }

    /** A copy of entries [from, to) with room for one more at {@code at}, counted from {@code from}. */
    private long copyWithGap(long source, int from, int to, int at) {
        long copy = nodes.take();
        RangeNode.copyEntries(source, from, copy, 0, at);
        RangeNode.copyEntries(source, from + at, copy, at + 1, to - from - at);
        RangeNode.publishLeaf(copy, to - from + 1);
        return copy;
    }

    /**
     * The leaf is full. What is appended gets a leaf of its own and the full one stays: guests map upwards, and halves would
     * never be filled. Elsewhere it becomes two.
     */
    private void split(int at, long first, long last, long target, long attributes) {
        int full = RangeNode.LEAF_ENTRIES;
        if (at == full) {
            long right = newLeaf(1);
            RangeNode.putEntry(RangeNode.entry(right, 0), first, last, target, attributes);
            addChild(height, leaf, first, right);
            return;
        }
        int half = full / 2;
        boolean leftGrows = at <= half;
        long left = leftGrows ? copyWithGap(leaf, 0, half, at) : copyOf(0, half);
        long right = leftGrows ? copyOf(half, full) : copyWithGap(leaf, half, full, at - half);
        long slot = leftGrows ? RangeNode.entry(left, at) : RangeNode.entry(right, at - half);
        RangeNode.putEntry(slot, first, last, target, attributes);
        retire(leaf);
        addChild(height, left, RangeNode.first(RangeNode.entry(right, 0)), right);
    }

    private long copyOf(int from, int to) {
        long copy = nodes.take();
        RangeNode.copyEntries(leaf, from, copy, 0, to - from);
        RangeNode.publishLeaf(copy, to - from);
        return copy;
    }

    /**
     * In the parent of {@code childLevel}: the child on the way down becomes {@code newLeft}, and {@code newRight} comes next
     * to it, both in one step for readers. Goes up as long as parents are full.
     */
    private void addChild(int childLevel, long newLeft, long newKey, long newRight) {
        int level = childLevel - 1;
        long left = newLeft;
        long key = newKey;
        long right = newRight;
        while (level >= 0 && RangeNode.count(RangeNode.header(path[level])) == RangeNode.INNER_KEYS) {
            long parent = path[level];
            long rightHalf = nodes.take();
            long leftHalf = nodes.take();
            long upKey = splitInner(parent, pathIndex[level], left, key, right, leftHalf, rightHalf);
            retire(parent);
            left = leftHalf;
            key = upKey;
            right = rightHalf;
            level--;
        }
        if (level < 0) {
            long top = nodes.take();
            RangeNode.putKey(top, 0, key);
            RangeNode.putChild(top, 0, left);
            RangeNode.putChild(top, 1, right);
            RangeNode.publishInner(top, 1);
            root = top;
        } else {
            widen(level, left, key, right);
        }
    }

    private void widen(int level, long left, long key, long right) {
        long parent = path[level];
        int index = pathIndex[level];
        int keys = RangeNode.count(RangeNode.header(parent));
        if (index == keys && left == RangeNode.child(parent, index)) {
            // Behind the last child, which stays: readers see the old count and its children, or the new one and all of
            // them.
            RangeNode.putKey(parent, keys, key);
            RangeNode.putChild(parent, keys + 1, right);
            RangeNode.publishInner(parent, keys + 1);
            return;
        }
        long copy = nodes.take();
        copyWiden(parent, keys, index, left, key, right, copy);
        RangeNode.publishInner(copy, keys + 1);
        retire(parent);
        link(level, copy);
    }

    private static void copyWiden(long parent, int keys, int index, long left, long key, long right, long copy) {
        RangeNode.copyKeys(parent, 0, copy, 0, index);
        RangeNode.putKey(copy, index, key);
        RangeNode.copyKeys(parent, index, copy, index + 1, keys - index);
        RangeNode.copyChildren(parent, 0, copy, 0, index);
        RangeNode.putChild(copy, index, left);
        RangeNode.putChild(copy, index + 1, right);
        RangeNode.copyChildren(parent, index + 1, copy, index + 2, keys - index);
    }

    /** Parts a full inner node, with one child more, into two; the key between them. Children from the middle on go right. */
    private static long splitInner(
            long parent, int index, long left, long key, long right, long leftHalf, long rightHalf) {
        int middle = (RangeNode.INNER_KEYS + 1) / 2; // of 31 keys, this one goes up
        for (int i = 0; i <= RangeNode.INNER_KEYS + 1; i++) {
            long child = i < index
                    ? RangeNode.child(parent, i)
                    : i == index ? left : i == index + 1 ? right : RangeNode.child(parent, i - 1);
            RangeNode.putChild(i <= middle ? leftHalf : rightHalf, i <= middle ? i : i - middle - 1, child);
        }
        long up = 0;
        for (int i = 0; i <= RangeNode.INNER_KEYS; i++) {
            long each = i < index ? RangeNode.key(parent, i) : i == index ? key : RangeNode.key(parent, i - 1);
            if (i == middle) {
                up = each;
            } else {
                RangeNode.putKey(i < middle ? leftHalf : rightHalf, i < middle ? i : i - middle - 1, each);
            }
        }
        RangeNode.publishInner(leftHalf, middle);
        RangeNode.publishInner(rightHalf, RangeNode.INNER_KEYS - middle);
        return up;
    }

    // ---- the way down, and memory

    private void descend(long key) {
        height = 0;
        hasLow = false;
        hasHigh = false;
        long node = root;
        long header = RangeNode.header(node);
        while (RangeNode.isInner(header)) {
            int keys = RangeNode.count(header);
            int index = RangeNode.childIndex(node, keys, key);
            if (index > 0) {
                hasLow = true;
            }
            if (index < keys) {
                highKey = RangeNode.key(node, index);
                hasHigh = true;
            }
            path[height] = node;
            pathIndex[height] = index;
            height++;
            node = RangeNode.child(node, index);
            header = RangeNode.header(node);
        }
        leaf = node;
    }

    private void retire(long node) {
        retired[retiredCount++] = node;
    }

    /** Sees to it that {@code wanted} nodes can be taken; false when there is no memory for so many. */
    private boolean ensure(int wanted) {
        if (retiredCount >= RETIRED_NODES) {
            freeRetired();
        }
        while (nodes.freeNodes() < wanted) {
            if (!nodes.grow()) {
                freeRetired();
                return nodes.freeNodes() >= wanted;
            }
        }
        return true;
    }

    /** Makes unlinked nodes usable again, after all readers that could be looking at them are gone. */
    void freeRetired() {
        if (retiredCount == 0) {
            return;
        }
        readers.awaitReaders();
        for (int i = 0; i < retiredCount; i++) {
            nodes.free(retired[i]);
        }
        retiredCount = 0;
    }

    /** Gives all memory back. Whoever still asks finds nothing: readers may come later than the end of their guest. */
    void destroy() {
        root = 0; // before the grace period, so that readers that it does not wait for see it
        readers.awaitReaders();
        retiredCount = 0;
        size = 0;
        nodes.close();
    }
}
