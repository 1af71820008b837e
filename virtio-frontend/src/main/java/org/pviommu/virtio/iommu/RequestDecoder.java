package org.pviommu.virtio.iommu;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.pviommu.engine.Access;

/**
 * Checks a request as far as the request alone allows it, and hands it to the port.
 *
 * <p>Where the texts leave a choice, this is ours: reserved fields of DETACH, UNMAP and PROBE are ignored in both profiles (virtio
 * 1.2 demands it for the first and the last); an inverted range is INVAL; a domain or IOVA beyond the advertised limits is RANGE; a
 * target that wraps is RANGE; in the draft, EXEC without READ is UNSUPP and NOMEM, which it does not have, becomes DEVERR.
 */
final class RequestDecoder {
    /** There is no such request, or it was not negotiated: the buffer goes back unwritten (C16, C17, C29, C69). */
    static final int UNKNOWN = -1;

    private final IommuConfig config;
    private final IommuPort port;
    private long features;

    RequestDecoder(IommuConfig config, IommuPort port) {
        this.config = config;
        this.port = port;
    }

    /** What the driver has acknowledged. */
    void acknowledged(long acknowledged) {
        features = acknowledged;
    }

    /** Whether a request of this type may come at all. */
    boolean knows(int type) {
        return switch (type) {
            case Wire.ATTACH, Wire.DETACH -> true;
            case Wire.MAP, Wire.UNMAP -> has(Wire.F_MAP_UNMAP);
            case Wire.PROBE -> has(Wire.F_PROBE);
            default -> false;
        };
    }

    /**
     * Does what a request says, PROBE excepted.
     *
     * @param request a copy of the readable part, all of it
     * @return a status, or {@link #UNKNOWN}
     */
    int execute(MemorySegment request) {
        int type = Byte.toUnsignedInt(request.get(ValueLayout.JAVA_BYTE, 0));
        if (!knows(type) || type == Wire.PROBE) {
            return UNKNOWN;
        }
        int status = switch (type) {
            case Wire.ATTACH -> attach(request);
            case Wire.DETACH -> detach(request);
            case Wire.MAP -> map(request);
            default -> unmap(request);
        };
        return inProfile(status);
    }

    private int inProfile(int status) {
        return status == Wire.NOMEM && isDraft() ? Wire.DEVERR : status;
    }

    private boolean has(long feature) {
        return (features & feature) != 0;
    }

    private boolean isDraft() {
        return config.profile() == Profile.DRAFT_0_11;
    }

    /** 4 le32 domain, 8 le32 endpoint, 12 le32 flags, 16 u8 reserved[4]; in the draft 12 u8 reserved[8]. */
    private int attach(MemorySegment request) {
        int domain = request.get(Wire.U32, 4);
        int flags = request.get(Wire.U32, 12);
        // "MUST reject" for reserved fields and unknown flags (C30, C31); bypass is known where it was negotiated.
        int known = !isDraft() && has(Wire.F_BYPASS_CONFIG) ? Wire.ATTACH_F_BYPASS : 0;
        if (request.get(Wire.U32, 16) != 0 || (flags & ~known) != 0) {
            return Wire.INVAL;
        }
        if (!config.allowsDomain(domain)) {
            return Wire.RANGE; // C27
        }
        return port.attach(domain, request.get(Wire.U32, 8), (flags & Wire.ATTACH_F_BYPASS) != 0);
    }

    /** 4 le32 domain, 8 le32 endpoint, 12 u8 reserved[8] to ignore (C42). */
    private int detach(MemorySegment request) {
        int domain = request.get(Wire.U32, 4);
        return config.allowsDomain(domain) ? port.detach(domain, request.get(Wire.U32, 8)) : Wire.RANGE;
    }

    /** 4 le32 domain, 8 le64 first, 16 le64 last, 24 le64 target, 32 le32 flags. */
    private int map(MemorySegment request) {
        int domain = request.get(Wire.U32, 4);
        long first = request.get(Wire.U64, 8);
        long last = request.get(Wire.U64, 16);
        long target = request.get(Wire.U64, 24);
        int flags = request.get(Wire.U32, 32);
        if ((flags & ~knownMapFlags()) != 0 || Long.compareUnsigned(last, first) < 0) {
            return Wire.INVAL; // C49, C58
        }
        if (isDraft() && (flags & (Wire.DRAFT_MAP_F_EXEC | Wire.MAP_F_READ)) == Wire.DRAFT_MAP_F_EXEC) {
            return Wire.UNSUPP; // C54: to execute is to read
        }
        // C47; last + 1 wraps to 0 at the end of the space, which is aligned.
        boolean aligned = ((first | target | (last + 1)) & (config.granule() - 1)) == 0;
        boolean wraps = Long.compareUnsigned(target + (last - first), target) < 0; // C57
        if (!aligned || wraps || !config.allowsDomain(domain) || !config.allowsIovas(first, last)) {
            return Wire.RANGE;
        }
        int access = ((flags & Wire.MAP_F_READ) != 0 ? Access.READ : 0)
                | ((flags & Wire.MAP_F_WRITE) != 0 ? Access.WRITE : 0);
        int mmio = isDraft() ? Wire.DRAFT_MAP_F_MMIO : Wire.MAP_F_MMIO;
        return port.map(domain, first, last, target, access, (flags & mmio) != 0);
    }

    private int knownMapFlags() {
        int both = Wire.MAP_F_READ | Wire.MAP_F_WRITE;
        if (isDraft()) {
            return both | Wire.DRAFT_MAP_F_EXEC | Wire.DRAFT_MAP_F_MMIO;
        }
        return has(Wire.F_MMIO) ? both | Wire.MAP_F_MMIO : both;
    }

    /** 4 le32 domain, 8 le64 first, 16 le64 last, 24 u8 reserved[4]. Unaligned ends are no mistake, cutting a mapping is. */
    private int unmap(MemorySegment request) {
        int domain = request.get(Wire.U32, 4);
        long first = request.get(Wire.U64, 8);
        long last = request.get(Wire.U64, 16);
        if (Long.compareUnsigned(last, first) < 0) {
            return Wire.INVAL;
        }
        return config.allowsDomain(domain) ? port.unmap(domain, first, last) : Wire.RANGE;
    }

    /**
     * PROBE: 4 le32 endpoint, 8 u8 reserved[64] to ignore (C67).
     *
     * @param properties all zero; as long as the room that the driver left for them
     * @return a status; the properties are written when it is OK
     */
    int probe(MemorySegment request, MemorySegment properties) {
        if (properties.byteSize() < config.probeBytes()) {
            return Wire.INVAL; // C73
        }
        ReservedMemory reserved = port.probe(request.get(Wire.U32, 4));
        if (reserved == null) {
            return Wire.NOENT; // C68
        }
        if (reserved.propertyBytes() > config.probeBytes()) {
            return Wire.DEVERR; // A mistake of whoever configured us, told as such.
        }
        reserved.putProperties(properties);
        return Wire.OK;
    }
}
