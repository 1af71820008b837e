package org.pviommu.journal.replay;

import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Why bus frames of a guest lead where they lead: everything in a journal that has touched them, in its order. The journal is
 * replayed on the way, so what nobody asked for is seen, too.
 *
 * @param steps what happened
 * @param now what they lead to after the last record
 */
public record Why(List<Step> steps, String now) {
    /** So many bus frames can be asked for at a time. */
    public static final long MAX_BFNS = 1 << 16;

    /** IOVAs of domains have 64 bits. */
    public static final long MAX_DOMAIN_BFN = (1L << 52) - 1;

    /**
     * Something that happened to the bus frames.
     *
     * @param sequence number of the record
     * @param timeMillis when it was made, in milliseconds since 1970
     * @param operation which operation of the record, counted from 0; null when it is none
     * @param what in words
     * @param status of the operation, 0 or an errno as the guest sees it, negative; of a request to a virtio-iommu device
     *     its positive number; null when it is none
     * @param by who asked for it, when it was not the guest; otherwise empty
     */
    public record Step(
            long sequence,
            long timeMillis,
            @Nullable Integer operation,
            String what,
            @Nullable Integer status,
            String by) {
        @Override
        public String toString() {
            return "record " + sequence + " " + Instant.ofEpochMilli(timeMillis) + " " + what
                    + (status == null ? "" : " " + Describe.status(status))
                    + (by.isEmpty() ? "" : " by " + by);
        }
    }

    /**
     * Reads {@code source} to its end.
     *
     * @param guestId whose bus frames
     * @param context in which of its address spaces
     * @param firstBfn first of them
     * @param lastBfn last of them, inclusive, at most {@value #MAX_BFNS} in all
     * @throws IllegalArgumentException for too many of them, or none
     * @throws org.pviommu.journal.record.BadRecordException when a record does not have the form of one
     */
    public static Why of(RecordSource source, int guestId, int context, long firstBfn, long lastBfn) {
        if (firstBfn < 0 || lastBfn < firstBfn || lastBfn - firstBfn >= MAX_BFNS) {
            throw new IllegalArgumentException("firstBfn=" + firstBfn + " lastBfn=" + lastBfn + " maxBfns=" + MAX_BFNS);
        }
        try (Replayer replayer = Replayer.onEngine(source)) {
            Witness witness = new Witness(replayer, guestId, context, firstBfn, lastBfn);
            replayer.observe(witness);
            ReplayReport report = replayer.run(Long.MAX_VALUE);
            return new Why(witness.steps(), now(witness, report));
        }
    }

    /** The same for one bus frame. */
    public static Why of(RecordSource source, int guestId, int context, long bfn) {
        return of(source, guestId, context, bfn, bfn);
    }

    /**
     * The same for a domain of a virtio-iommu device: bus frames are IOVAs without their lowest 12 bits.
     *
     * @param domain its number, unsigned; one after the other of that number are told as they come
     */
    public static Why ofDomain(RecordSource source, int guestId, int domain, long firstBfn, long lastBfn) {
        if (firstBfn < 0 || lastBfn < firstBfn || lastBfn > MAX_DOMAIN_BFN) {
            throw new IllegalArgumentException(
                    "firstBfn=" + firstBfn + " lastBfn=" + lastBfn + " max=" + MAX_DOMAIN_BFN);
        }
        try (Replayer replayer = Replayer.onEngine(source)) {
            DomainWitness witness = new DomainWitness(replayer, guestId, domain, firstBfn, lastBfn);
            replayer.observe(witness);
            ReplayReport report = replayer.run(Long.MAX_VALUE);
            return new Why(
                    witness.steps(),
                    report.difference() == null ? witness.now(report.unknownGuests()) : notKnown(report.difference()));
        }
    }

    private static String notKnown(Difference difference) {
        return "not known after record " + difference.sequence() + ", where the replay goes another way: "
                + difference.what();
    }

    private static String now(Witness witness, ReplayReport report) {
        @Nullable Difference difference = report.difference();
        if (difference != null) {
            return notKnown(difference);
        }
        return witness.now(report.unknownGuests());
    }

    /** For people: a line for each step, and one for what is now. */
    public List<String> lines() {
        List<String> lines = new ArrayList<>();
        steps.forEach(step -> lines.add(step.toString()));
        lines.add("now: " + now);
        return lines;
    }
}
