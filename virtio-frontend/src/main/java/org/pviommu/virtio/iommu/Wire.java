package org.pviommu.virtio.iommu;

import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/** Numbers of the device's wire format; all fields are little-endian, all requests begin with {u8 type, u8 reserved[3]}. */
public final class Wire {
    /** Status bytes of a request's tail. */
    public static final int OK = 0;

    /** The device could not do it. */
    public static final int IOERR = 1;
    /** Not in this way. */
    public static final int UNSUPP = 2;
    /** An internal mistake of the device. */
    public static final int DEVERR = 3;
    /** A field has a value that it must not have. */
    public static final int INVAL = 4;
    /** Beyond a limit, misaligned, or a mapping would be cut. */
    public static final int RANGE = 5;
    /** No such domain or endpoint. */
    public static final int NOENT = 6;
    /** No memory where the request points to. */
    public static final int FAULT = 7;
    /** Out of resources; virtio 1.2 only, see {@link RequestDecoder}. */
    public static final int NOMEM = 8;

    /** Feature: IOVAs are limited. */
    public static final long F_INPUT_RANGE = 1;
    /** Feature: domain ids are limited; the draft's DOMAIN_BITS is the same bit. */
    public static final long F_DOMAIN_RANGE = 1 << 1;
    /** Feature: MAP and UNMAP. */
    public static final long F_MAP_UNMAP = 1 << 2;
    /** Feature of the draft: unattached endpoints are not translated. */
    public static final long F_BYPASS = 1 << 3;
    /** Feature: PROBE. */
    public static final long F_PROBE = 1 << 4;
    /** Feature: mappings of device registers. */
    public static final long F_MMIO = 1 << 5;
    /** Feature: the driver may switch bypass, and attach to bypass domains. */
    public static final long F_BYPASS_CONFIG = 1 << 6;

    /** Faults: nothing known. */
    public static final int FAULT_UNKNOWN = 0;
    /** Faults: the endpoint is in no domain. */
    public static final int FAULT_DOMAIN = 1;
    /** Faults: no mapping, or none that permits the access. */
    public static final int FAULT_MAPPING = 2;

    static final int ATTACH = 1;
    static final int DETACH = 2;
    static final int MAP = 3;
    static final int UNMAP = 4;
    static final int PROBE = 5;

    static final int HEAD_BYTES = 4;
    static final int TAIL_BYTES = 4;
    static final int PROBE_REQUEST_BYTES = 72;

    static final int ATTACH_F_BYPASS = 1;

    static final int MAP_F_READ = 1;
    static final int MAP_F_WRITE = 1 << 1;
    static final int MAP_F_MMIO = 1 << 2;
    static final int DRAFT_MAP_F_EXEC = 1 << 2;
    static final int DRAFT_MAP_F_MMIO = 1 << 3;

    static final int FAULT_BYTES = 24;
    static final int FAULT_F_ADDRESS = 1 << 8;

    static final ValueLayout.OfShort U16 = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    static final ValueLayout.OfInt U32 = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    static final ValueLayout.OfLong U64 = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private Wire() {}

    /** The readable part of a request of this type, 0 when there is no such type. */
    static int requestBytes(int type) {
        return switch (type) {
            case ATTACH, DETACH -> 20;
            case MAP -> 36;
            case UNMAP -> 28;
            case PROBE -> PROBE_REQUEST_BYTES;
            default -> 0;
        };
    }
}
