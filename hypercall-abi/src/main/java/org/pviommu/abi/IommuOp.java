package org.pviommu.abi;

/**
 * The argument {@code cmd} of the hypercall: sub-operation, modifiers and number of the address space.
 *
 * <pre>
 *  31              16 15            8 7             0
 * +------------------+---------------+---------------+
 * | address space    | modifiers     | sub-operation |
 * +------------------+---------------+---------------+
 * </pre>
 *
 * <p>Address space 0 always exists, so that a plain sub-operation is a valid {@code cmd}. The constants carry the C
 * names in capitals: {@code IOMMUOP_map_page} is {@link #MAP_PAGE}.
 */
public final class IommuOp {
    /** Number of the hypercall {@code iommu_op}. */
    public static final int HYPERCALL_NUMBER = 43;
    /** Version of this interface, as {@link IommuCaps} reports it. */
    public static final int ABI_VERSION = 1;
    /** A bfn or mfn counts frames of {@code 1 << PAGE_SHIFT} bytes. */
    public static final int PAGE_SHIFT = 12;
    /** Highest number of elements of one call; above it the call is {@link IommuStatus#EINVAL}. */
    public static final int MAX_COUNT = 0x7fff_ffff;
    /** Alignment of the array in bytes; otherwise the call is {@link IommuStatus#EINVAL}. */
    public static final int ARG_ALIGN = 8;

    /** Bits of {@code cmd} that hold the sub-operation. */
    public static final int SUBOP_MASK = 0x0000_00ff;
    /** Bits of {@code cmd} that hold modifiers. */
    public static final int MODIFIER_MASK = 0x0000_ff00;
    /** Lowest bit of the address space number. */
    public static final int CONTEXT_SHIFT = 16;
    /** Bits of the address space number, after the shift. */
    public static final int CONTEXT_MASK = 0xffff;

    /** Modifier: return without the flush; the removed frames stay held, their bfns owed. */
    public static final int F_DEFER = 0x0000_0100;

    /** What is offered to this guest: one {@link IommuCaps}. */
    public static final int QUERY_CAPS = 1;
    /** Maps single pages: {@link IommuMapOp}. */
    public static final int MAP_PAGE = 2;
    /** Unmaps single pages: {@link IommuMapOp}, of which only bfn and status are used. */
    public static final int UNMAP_PAGE = 3;
    /** Tells what is mapped: {@link IommuMapOp}. */
    public static final int LOOKUP_PAGE = 4;
    /** Lists ranges that cannot be mapped: {@link IommuReservedRange}; returns how many exist. */
    public static final int QUERY_RESERVED = 5;
    /** Maps runs of pages: {@link IommuRangeOp}. */
    public static final int MAP_RANGE = 6;
    /** Unmaps runs of pages: {@link IommuRangeOp}. */
    public static final int UNMAP_RANGE = 7;
    /** Creates address spaces: {@link IommuContextOp}. */
    public static final int ALLOC_CONTEXT = 8;
    /** Removes address spaces: {@link IommuContextOp}. */
    public static final int FREE_CONTEXT = 9;
    /** Attaches endpoints to address spaces: {@link IommuAttachOp}. */
    public static final int ATTACH_DEVICE = 10;
    /** Makes the deferred removals of an address space effective; no array. */
    public static final int FLUSH = 11;
    /** Maps and unmaps single pages in one array: {@link IommuMixedOp}. */
    public static final int MIXED = 12;

    private IommuOp() {}

    /**
     * Composes a {@code cmd}; bits outside a part's field are dropped.
     *
     * @param subOp one of the sub-operations
     * @param modifiers {@link #F_DEFER} or 0
     * @param contextNumber number of the address space, 0 to 65,535
     */
    public static int cmd(int subOp, int modifiers, int contextNumber) {
        return (subOp & SUBOP_MASK) | (modifiers & MODIFIER_MASK) | ((contextNumber & CONTEXT_MASK) << CONTEXT_SHIFT);
    }

    /** The sub-operation of a {@code cmd}, 0 to 255; it need not exist. */
    public static int subOp(int cmd) {
        return cmd & SUBOP_MASK;
    }

    /** The modifiers of a {@code cmd}, in place; bits other than {@link #F_DEFER} are reserved. */
    public static int modifiers(int cmd) {
        return cmd & MODIFIER_MASK;
    }

    /** The address space that a {@code cmd} names, 0 to 65,535. */
    public static int contextNumber(int cmd) {
        return (cmd >>> CONTEXT_SHIFT) & CONTEXT_MASK;
    }

    /** Whether the ABI defines this sub-operation; whether it is offered is told by {@link IommuCaps}. */
    public static boolean isKnown(int subOp) {
        return subOp >= QUERY_CAPS && subOp <= MIXED;
    }

    /** Bytes of one array element of a sub-operation; 0 where there is no array (flush) or no such sub-operation. */
    public static int elementBytes(int subOp) {
        return switch (subOp) {
            case QUERY_CAPS -> IommuCaps.SIZE;
            case MAP_PAGE, UNMAP_PAGE, LOOKUP_PAGE -> IommuMapOp.SIZE;
            case QUERY_RESERVED -> IommuReservedRange.SIZE;
            case MAP_RANGE, UNMAP_RANGE -> IommuRangeOp.SIZE;
            case ALLOC_CONTEXT, FREE_CONTEXT -> IommuContextOp.SIZE;
            case ATTACH_DEVICE -> IommuAttachOp.SIZE;
            case MIXED -> IommuMixedOp.SIZE;
            default -> 0;
        };
    }

    /**
     * The {@link IommuCaps} bit that says a sub-operation is offered; 0 for those that need none, and for unknown
     * numbers.
     */
    public static int neededCapability(int subOp) {
        return switch (subOp) {
            case LOOKUP_PAGE -> IommuCaps.CAP_LOOKUP;
            case MAP_RANGE, UNMAP_RANGE -> IommuCaps.CAP_RANGES;
            case ALLOC_CONTEXT, FREE_CONTEXT, ATTACH_DEVICE -> IommuCaps.CAP_CONTEXTS;
            case FLUSH -> IommuCaps.CAP_DEFER;
            case MIXED -> IommuCaps.CAP_MIXED;
            default -> 0;
        };
    }

    /** Name of a sub-operation for logs: {@code map_page}, or {@code subop 77} for an unknown one. */
    public static String name(int subOp) {
        return switch (subOp) {
            case QUERY_CAPS -> "query_caps";
            case MAP_PAGE -> "map_page";
            case UNMAP_PAGE -> "unmap_page";
            case LOOKUP_PAGE -> "lookup_page";
            case QUERY_RESERVED -> "query_reserved";
            case MAP_RANGE -> "map_range";
            case UNMAP_RANGE -> "unmap_range";
            case ALLOC_CONTEXT -> "alloc_context";
            case FREE_CONTEXT -> "free_context";
            case ATTACH_DEVICE -> "attach_device";
            case FLUSH -> "flush";
            case MIXED -> "mixed";
            default -> "subop " + subOp;
        };
    }
}
