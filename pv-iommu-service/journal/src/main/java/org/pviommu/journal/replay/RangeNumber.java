package org.pviommu.journal.replay;

/** The model's own way to the digest of one mapping of a domain: steps of splitmix64, one for each thing that it has. */
final class RangeNumber {
    private static final int WRITTEN_MMIO = 4;

    private RangeNumber() {}

    static long of(int guestId, int domain, DeviceModel.Entry entry) {
        long place = step(step(guestId) ^ domain);
        long number = place;
        for (long word : new long[] {
            entry.first(), entry.last(), entry.target(), entry.access() | (entry.mmio() ? WRITTEN_MMIO : 0)
        }) {
            number = step(number ^ word);
        }
        return number;
    }

    private static long step(long value) {
        long z = value + 0x9e3779b97f4a7c15L;
        z = (z ^ z >>> 30) * 0xbf58476d1ce4e5b9L;
        z = (z ^ z >>> 27) * 0x94d049bb133111ebL;
        return z ^ z >>> 31;
    }
}
