package org.pviommu.journal.record;

import org.pviommu.engine.DomainRecord;

/**
 * One request to a virtio-iommu device. Ranges are in bytes, inclusive, unsigned.
 *
 * @param domain its domain, unsigned
 * @param endpoint of an attachment
 * @param option ATTACH: whether to a bypass domain; MAP: whether to device registers
 * @param access {@link org.pviommu.engine.Access} bits of a MAP
 * @param first first IOVA of a mapping
 * @param last last IOVA of a mapping
 * @param target where a MAP leads to
 * @param status {@link org.pviommu.engine.RequestStatus}
 */
public record DomainRequest(
        DomainRecord.Kind kind,
        int domain,
        int endpoint,
        boolean option,
        int access,
        long first,
        long last,
        long target,
        int status) {

    /** Whether it is about IOVAs. */
    public boolean hasRange() {
        return kind == DomainRecord.Kind.MAP || kind == DomainRecord.Kind.UNMAP;
    }
}
