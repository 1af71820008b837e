package org.pviommu.virtio.iommu;

import java.lang.foreign.MemorySegment;

/**
 * What a virtio-iommu device offers; fixed for its life, except for bypass.
 *
 * @param profile the text it follows
 * @param pageSizeMask sizes of pages, the lowest bit is the granule (C04, C05)
 * @param firstIova first IOVA that can be mapped
 * @param lastIova last one; 0 to all ones means no limit, and INPUT_RANGE is not offered
 * @param firstDomain first domain id; the draft always has 0
 * @param lastDomain last domain id; 0 to all ones means no limit. The draft counts bits, so there it is 2^n - 1
 * @param probeBytes room for properties in a PROBE; 0 means that PROBE is not offered
 * @param bypass whether unattached endpoints reach guest memory untranslated when the device is new
 * @param bypassConfig whether the driver may switch bypass, and attach to domains without translation; the draft has no such thing
 * @param mmio whether device registers may be mapped; in the draft they always may
 */
public record IommuConfig(
        Profile profile,
        long pageSizeMask,
        long firstIova,
        long lastIova,
        int firstDomain,
        int lastDomain,
        int probeBytes,
        boolean bypass,
        boolean bypassConfig,
        boolean mmio) {
    /** Where virtio 1.2 has the byte that a driver may write. */
    static final int BYPASS_OFFSET = 36;

    private static final int BYTES = 40;
    private static final int DRAFT_BYTES = 32;
    private static final int MAX_PROBE_BYTES = 4096;

    /**
     * Refuses what no driver could use.
     *
     * @throws IllegalArgumentException for an empty mask, ranges that are none, or limits that the profile cannot express
     */
    public IommuConfig {
        require(pageSizeMask != 0, "pageSizeMask=0 has no page size");
        require(
                Long.compareUnsigned(firstIova, lastIova) <= 0,
                "firstIova=0x" + Long.toHexString(firstIova) + " lastIova=0x" + Long.toHexString(lastIova));
        require(
                Integer.compareUnsigned(firstDomain, lastDomain) <= 0,
                "firstDomain=" + Integer.toUnsignedString(firstDomain) + " lastDomain="
                        + Integer.toUnsignedString(lastDomain));
        require(
                probeBytes >= 0 && probeBytes <= MAX_PROBE_BYTES,
                "probeBytes=" + probeBytes + " min=0 max=" + MAX_PROBE_BYTES);
        require(
                profile == Profile.VIRTIO_1_2 || (firstDomain == 0 && (lastDomain & (lastDomain + 1)) == 0),
                "firstDomain=" + firstDomain + " lastDomain=" + Integer.toUnsignedString(lastDomain)
                        + ": the draft has 0 to 2^n - 1");
    }

    private static void require(boolean holds, String message) {
        if (!holds) {
            throw new IllegalArgumentException(message);
        }
    }

    /** The smallest page, in bytes. */
    public long granule() {
        return Long.lowestOneBit(pageSizeMask);
    }

    /** The feature bits offered (C01, C02, C03). */
    public long features() {
        long features = Wire.F_MAP_UNMAP;
        features |= firstIova != 0 || lastIova != -1L ? Wire.F_INPUT_RANGE : 0;
        features |= firstDomain != 0 || lastDomain != -1 ? Wire.F_DOMAIN_RANGE : 0;
        features |= probeBytes > 0 ? Wire.F_PROBE : 0;
        if (profile == Profile.DRAFT_0_11) {
            return features | (bypass ? Wire.F_BYPASS : 0);
        }
        return features | (bypassConfig ? Wire.F_BYPASS_CONFIG : 0) | (mmio ? Wire.F_MMIO : 0);
    }

    boolean offersBypassConfig() {
        return profile == Profile.VIRTIO_1_2 && bypassConfig;
    }

    boolean allowsIovas(long first, long last) {
        return Long.compareUnsigned(first, firstIova) >= 0 && Long.compareUnsigned(last, lastIova) <= 0;
    }

    boolean allowsDomain(int domain) {
        return Integer.compareUnsigned(domain, firstDomain) >= 0 && Integer.compareUnsigned(domain, lastDomain) <= 0;
    }

    /**
     * The configuration space.
     *
     * @param bypassNow shown at offset 36 by virtio 1.2; the draft has no such field
     */
    byte[] bytes(boolean bypassNow) {
        boolean draft = profile == Profile.DRAFT_0_11;
        byte[] bytes = new byte[draft ? DRAFT_BYTES : BYTES];
        MemorySegment fields = MemorySegment.ofArray(bytes);
        fields.set(Wire.U64, 0, pageSizeMask);
        fields.set(Wire.U64, 8, firstIova);
        fields.set(Wire.U64, 16, lastIova);
        if (draft) {
            bytes[24] = (byte) Integer.bitCount(lastDomain); // 0 is legal: only domain 0 is there
            fields.set(Wire.U32, 28, probeBytes);
        } else {
            fields.set(Wire.U32, 24, firstDomain);
            fields.set(Wire.U32, 28, lastDomain);
            fields.set(Wire.U32, 32, probeBytes);
            bytes[BYPASS_OFFSET] = (byte) (bypassNow ? 1 : 0);
        }
        return bytes;
    }
}
