package org.pviommu.abi;

/**
 * Results: the status of one operation, and the return value of a call. Negated Xen errno numbers, one meaning each,
 * fixed by the ABI whatever the errno numbers of the host are.
 *
 * <p>The numbers grow only at the end: a reader takes a negative value that it does not know for a failure.
 */
public final class IommuStatus {
    /** Done. As return value: every element was processed, look at the statuses. */
    public static final int OK = 0;
    /** Not permitted: hypervisor's frame, revoked grant, write through a read-only grant; call: not this guest. */
    public static final int EPERM = -1;
    /** Nothing is mapped at this bfn (unmap, lookup); no such address space or endpoint. */
    public static final int ENOENT = -2;
    /** The host IOMMU refused, a flush failed, or there was no room to record the change. */
    public static final int EIO = -5;
    /** The guest has no memory behind this mfn. */
    public static final int ENXIO = -6;
    /** No memory for tables; never the answer to an unmap. */
    public static final int ENOMEM = -12;
    /** Call only: the array is not wholly in the guest's memory; the elements before the fault are complete. */
    public static final int EFAULT = -14;
    /** In use: address space with endpoints, device used elsewhere, larger mapping that cannot be cut. */
    public static final int EBUSY = -16;
    /** Malformed: reserved flag, write without read, no access, empty or wrapping range; call: bad arguments. */
    public static final int EINVAL = -22;
    /** The guest's quota or a limit of the host IOMMU is reached. */
    public static final int ENOSPC = -28;
    /** The bfn is outside the aperture. */
    public static final int ERANGE = -34;
    /** Call only: the PV-IOMMU is not enabled. */
    public static final int ENOSYS = -38;
    /** Call only: the sub-operation is unknown or not offered. */
    public static final int EOPNOTSUPP = -95;
    /** The bfn is mapped already, or owed: removed by a deferred unmap whose flush is still to come. */
    public static final int EADDRINUSE = -98;
    /** An attached endpoint reserves this bfn. */
    public static final int EADDRNOTAVAIL = -99;

    private IommuStatus() {}

    /**
     * Name of a status or return value for logs and answers: {@code OK}, {@code EADDRINUSE}; a positive number is a
     * count and is given as such; an unknown negative one becomes {@code status -77}.
     */
    public static String name(long status) {
        if (status > 0) {
            return Long.toString(status);
        }
        // Outside the int range there are no names; the cast below would invent one.
        return status < Integer.MIN_VALUE ? "status " + status : nameOfCode((int) status);
    }

    private static String nameOfCode(int status) {
        return switch (status) {
            case OK -> "OK";
            case EPERM -> "EPERM";
            case ENOENT -> "ENOENT";
            case EIO -> "EIO";
            case ENXIO -> "ENXIO";
            case ENOMEM -> "ENOMEM";
            case EFAULT -> "EFAULT";
            case EBUSY -> "EBUSY";
            case EINVAL -> "EINVAL";
            case ENOSPC -> "ENOSPC";
            case ERANGE -> "ERANGE";
            case ENOSYS -> "ENOSYS";
            case EOPNOTSUPP -> "EOPNOTSUPP";
            case EADDRINUSE -> "EADDRINUSE";
            case EADDRNOTAVAIL -> "EADDRNOTAVAIL";
            default -> "status " + status;
        };
    }
}
