package org.pviommu.host;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.function.LongPredicate;
import org.jspecify.annotations.Nullable;

/**
 * The cached translations of one address space: a hash table by bus frame. Ranges are inclusive {@code [first, last]}.
 *
 * <p>A hit takes no lock and allocates nothing: chains are immutable, and writers, who do take the monitor, publish a
 * new chain or a new table. Nothing is ever evicted to make room, because an entry that went away by itself would hide a
 * missing flush; a table that is full takes no more, which only costs walks.
 */
final class IotlbTable {
    private static final int INITIAL_BUCKETS = 16;
    private static final int GROWTH = 4;
    /** Any odd constant with well-mixed upper bits spreads neighbouring frames; this one is 2^64 divided by the golden ratio. */
    private static final long SPREAD = 0x9E37_79B9_7F4A_7C15L;

    private final int maxEntries;
    private volatile AtomicReferenceArray<@Nullable Node> buckets = new AtomicReferenceArray<>(INITIAL_BUCKETS);
    private volatile int size;

    /** A link of a chain. */
    private record Node(IotlbEntry entry, @Nullable Node next) {}

    IotlbTable(int maxEntries) {
        this.maxEntries = maxEntries;
    }

    int size() {
        return size;
    }

    @Nullable
    IotlbEntry find(long bfn) {
        AtomicReferenceArray<@Nullable Node> table = buckets;
        for (Node node = table.get(bucket(bfn, table)); node != null; node = node.next) {
            if (node.entry.bfn() == bfn) {
                return node.entry;
            }
        }
        return null;
    }

    /**
     * Keeps {@code entry}, unless there is one for its bus frame already: the older one stays, stale or not, as only a
     * flush removes.
     *
     * @return whether the table now holds exactly {@code entry}
     */
    synchronized boolean fill(IotlbEntry entry) {
        IotlbEntry present = find(entry.bfn());
        if (present != null) {
            return present.equals(entry);
        }
        int held = size;
        if (held >= maxEntries) {
            return false;
        }
        if (held >= 2 * buckets.length()) {
            rebuild(GROWTH * buckets.length(), bfn -> true);
        }
        push(buckets, entry);
        size = held + 1;
        return true;
    }

    /** Removes the entries of {@code [firstBfn, lastBfn]}, in time proportional to the smaller of range and table. */
    synchronized void removeRange(long firstBfn, long lastBfn) {
        if (lastBfn - firstBfn >= size) {
            rebuild(buckets.length(), bfn -> bfn < firstBfn || bfn > lastBfn);
            return;
        }
        for (long bfn = firstBfn; bfn <= lastBfn; bfn++) {
            remove(bfn);
        }
    }

    synchronized void clear() {
        buckets = new AtomicReferenceArray<>(INITIAL_BUCKETS);
        size = 0;
    }

    /** All entries at one moment. */
    synchronized List<IotlbEntry> entries() {
        List<IotlbEntry> all = new ArrayList<>(size);
        for (int i = 0; i < buckets.length(); i++) {
            for (Node node = buckets.get(i); node != null; node = node.next) {
                all.add(node.entry);
            }
        }
        return all;
    }

    private void remove(long bfn) {
        if (find(bfn) == null) {
            return;
        }
        int held = size;
        int bucket = bucket(bfn, buckets);
        Node kept = null;
        for (Node node = buckets.get(bucket); node != null; node = node.next) {
            if (node.entry.bfn() != bfn) {
                kept = new Node(node.entry, kept);
            }
        }
        buckets.set(bucket, kept);
        size = held - 1;
    }

    /** Publishes a new table of {@code bucketCount} with the entries whose bus frame is to be kept. */
    private void rebuild(int bucketCount, LongPredicate keep) {
        AtomicReferenceArray<@Nullable Node> table = new AtomicReferenceArray<>(bucketCount);
        int kept = 0;
        for (IotlbEntry entry : entries()) {
            if (keep.test(entry.bfn())) {
                push(table, entry);
                kept++;
            }
        }
        buckets = table;
        size = kept;
    }

    private static void push(AtomicReferenceArray<@Nullable Node> table, IotlbEntry entry) {
        int bucket = bucket(entry.bfn(), table);
        table.set(bucket, new Node(entry, table.get(bucket)));
    }

    private static int bucket(long bfn, AtomicReferenceArray<@Nullable Node> table) {
        // Lengths are powers of two from 16 on, so the shift leaves just as many upper bits as an index needs.
        return (int) ((bfn * SPREAD) >>> (64 - Integer.numberOfTrailingZeros(table.length())));
    }
}
