package org.pviommu.engine;

/** What a request about domains is answered with: the numbers of virtio-iommu. */
public final class RequestStatus {
    /** Done. */
    public static final int OK = 0;
    /** It could not be completed for sure: the host IOMMU did not let go, or nothing can be recorded. */
    public static final int IOERR = 1;
    /** It cannot be done like this. */
    public static final int UNSUPP = 2;
    /** The host IOMMU or the service refused. */
    public static final int DEVERR = 3;
    /** It makes no sense, or something is in the way. */
    public static final int INVAL = 4;
    /** It would cut a mapping, or lies outside of what there is. */
    public static final int RANGE = 5;
    /** There is no such endpoint or domain. */
    public static final int NOENT = 6;
    /** A quota is reached, or memory is used up. */
    public static final int NOMEM = 8;

    private RequestStatus() {}

    /** For people; an unknown number as a number. */
    public static String name(int status) {
        return switch (status) {
            case OK -> "ok";
            case IOERR -> "IOERR";
            case UNSUPP -> "UNSUPP";
            case DEVERR -> "DEVERR";
            case INVAL -> "INVAL";
            case RANGE -> "RANGE";
            case NOENT -> "NOENT";
            case NOMEM -> "NOMEM";
            default -> Integer.toString(status);
        };
    }
}
