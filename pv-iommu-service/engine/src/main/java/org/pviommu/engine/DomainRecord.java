package org.pviommu.engine;

import java.util.Objects;

/**
 * What a {@link BatchLog} is told about one batch of requests to a virtio-iommu device: a view of the batch's own buffers, valid
 * during the call. A batch without requests is a flush that stands alone.
 */
public final class DomainRecord {
    /** More requests than this are several batches. */
    public static final int MAX_REQUESTS = 64;

    /** What is asked for. */
    public enum Kind {
        /** Domain, endpoint, bypass. */
        ATTACH,
        /** Domain, endpoint. */
        DETACH,
        /** Domain, first, last, target, access, mmio. */
        MAP,
        /** Domain, first, last. */
        UNMAP
    }

    private static final Kind[] KINDS = Kind.values();

    private final Guest guest;
    private final byte[] kinds = new byte[MAX_REQUESTS];
    private final byte[] statuses = new byte[MAX_REQUESTS];
    private final int[] domains = new int[MAX_REQUESTS];
    private final int[] endpoints = new int[MAX_REQUESTS];
    private final int[] accesses = new int[MAX_REQUESTS];
    private final boolean[] options = new boolean[MAX_REQUESTS];
    private final long[] firsts = new long[MAX_REQUESTS];
    private final long[] lasts = new long[MAX_REQUESTS];
    private final long[] targets = new long[MAX_REQUESTS];
    private int count;
    private SliceRecord.Flush flush = SliceRecord.Flush.NONE;
    private boolean roomForMaps;
    private boolean roomForRemovals;

    DomainRecord(Guest guest) {
        this.guest = guest;
    }

    void start(boolean hasRoomForMaps, boolean hasRoomForRemovals) {
        count = 0;
        flush = SliceRecord.Flush.NONE;
        roomForMaps = hasRoomForMaps;
        roomForRemovals = hasRoomForRemovals;
    }

    /** Returns the status, which it keeps. */
    int attachment(Kind kind, int domain, int endpoint, boolean bypass, int status) {
        return add(kind, domain, endpoint, 0, bypass, 0, 0, 0, status);
    }

    int mapping(Kind kind, int domain, long first, long last, long target, int access, boolean mmio, int status) {
        return add(kind, domain, 0, access, mmio, first, last, target, status);
    }

    private int add(
            Kind kind,
            int domain,
            int endpoint,
            int access,
            boolean option,
            long first,
            long last,
            long target,
            int status) {
        kinds[count] = (byte) kind.ordinal();
        domains[count] = domain;
        endpoints[count] = endpoint;
        accesses[count] = access;
        options[count] = option;
        firsts[count] = first;
        lasts[count] = last;
        targets[count] = target;
        statuses[count] = (byte) status;
        count++;
        return status;
    }

    void flush(SliceRecord.Flush outcome) {
        flush = outcome;
    }

    /** The guest, as it is now. */
    public Guest guest() {
        return guest;
    }

    /** How many requests there are. */
    public int count() {
        return count;
    }

    /** What request {@code index} asks for. */
    public Kind kind(int index) {
        return KINDS[kinds[checked(index)]];
    }

    /** Its domain, unsigned. */
    public int domain(int index) {
        return domains[checked(index)];
    }

    /** Its endpoint; 0 for mappings. */
    public int endpoint(int index) {
        return endpoints[checked(index)];
    }

    /** ATTACH: whether to a bypass domain; MAP: whether to device registers. */
    public boolean option(int index) {
        return options[checked(index)];
    }

    /** {@link Access} bits of a MAP. */
    public int access(int index) {
        return accesses[checked(index)];
    }

    /** First IOVA. */
    public long first(int index) {
        return firsts[checked(index)];
    }

    /** Last IOVA. */
    public long last(int index) {
        return lasts[checked(index)];
    }

    /** Where a MAP leads to. */
    public long target(int index) {
        return targets[checked(index)];
    }

    /** {@link RequestStatus} of request {@code index}; what was removed is answered with IOERR when the flush failed. */
    public int status(int index) {
        return statuses[checked(index)];
    }

    /** Whether a flush ended the batch, and how; NONE when nothing was removed. */
    public SliceRecord.Flush flush() {
        return flush;
    }

    /** Whether there was room to record maps and attachments; otherwise they have IOERR. */
    public boolean hadRoomForMaps() {
        return roomForMaps;
    }

    /** Whether there was room to record removals; otherwise they have IOERR. */
    public boolean hadRoomForRemovals() {
        return roomForRemovals;
    }

    private int checked(int index) {
        return Objects.checkIndex(index, count);
    }
}
