package org.pviommu.engine;

/**
 * A mapping of a domain, as it was made; for listings. Bytes, inclusive, unsigned.
 *
 * @param first first IOVA
 * @param last last IOVA
 * @param target guest address that the first one leads to
 * @param access {@link Access} bits
 * @param mmio whether it leads to device registers
 * @param regions how many regions the guest had registered in its life when it was made: it leads to none that came later
 */
public record RangeMapping(long first, long last, long target, int access, boolean mmio, long regions) {}
