package org.pviommu.server.topology;

import org.pviommu.server.EndpointId;
import org.pviommu.server.Text;

/**
 * PCI functions of one segment that are behind an IOMMU, inclusive, and the endpoint ids that the driver has for them in its
 * requests: {@code firstEndpoint} for the first function, one more for each that follows.
 *
 * @param first segment, bus, device, function of the first one, as {@link EndpointId} has them in 32 bits
 * @param last the last one, in the same segment
 * @param firstEndpoint usually equal to {@code first}
 */
public record EndpointRange(int first, int last, int firstEndpoint) {
    private static final long MAX_ID = 0xffff_ffffL;

    /**
     * Refuses what no table can say.
     *
     * @throws IllegalArgumentException when the two are in different segments or not in order, or the ids end beyond 32 bits
     */
    public EndpointRange {
        if (segment(first) != segment(last)) {
            throw new IllegalArgumentException(
                    "range=" + text(first, last) + " spans PCI segments: one range for each");
        }
        if (Integer.compareUnsigned(first, last) > 0) {
            throw new IllegalArgumentException("range=" + text(first, last) + " ends before it begins");
        }
        // Both below 2^32: no overflow of a long.
        long lastEndpoint = Integer.toUnsignedLong(firstEndpoint) + (last - first);
        if (lastEndpoint > MAX_ID) {
            throw new IllegalArgumentException("range=" + text(first, last) + " ends with endpoint id "
                    + Text.hex(lastEndpoint) + " max=" + Text.hex(MAX_ID));
        }
    }

    /**
     * Reads {@code FUNCTION[-FUNCTION][=ID]}, where a function is a PCI address (0000:00:06.0) or the same as a number (0x30).
     *
     * @throws IllegalArgumentException naming the value and what is allowed
     */
    public static EndpointRange parse(String text) {
        int equals = text.indexOf('=');
        String functions = equals < 0 ? text : text.substring(0, equals);
        int dash = functions.indexOf('-');
        int first = function(dash < 0 ? functions : functions.substring(0, dash));
        int last = dash < 0 ? first : function(functions.substring(dash + 1));
        int id = equals < 0 ? first : (int) Text.parseUnsigned("id", text.substring(equals + 1), MAX_ID);
        return new EndpointRange(first, last, id);
    }

    /** Reads a PCI address, or the number of 32 bits that it stands for. */
    public static int function(String text) {
        return text.contains(":") ? EndpointId.parse(text) : (int) Text.parseUnsigned("endpoint", text, MAX_ID);
    }

    static int segment(int function) {
        return function >>> 16;
    }

    static int bdf(int function) {
        return function & 0xffff;
    }

    /** How many functions. */
    int count() {
        return last - first + 1; // one segment: at most 65,536
    }

    int lastEndpoint() {
        return firstEndpoint + (last - first);
    }

    boolean contains(int function) {
        return Integer.compareUnsigned(first, function) <= 0 && Integer.compareUnsigned(function, last) <= 0;
    }

    /** Whether a function, or an endpoint id, is in both. */
    boolean overlaps(EndpointRange other) {
        return intersect(first, last, other.first, other.last)
                || intersect(firstEndpoint, lastEndpoint(), other.firstEndpoint, other.lastEndpoint());
    }

    private static boolean intersect(int first, int last, int otherFirst, int otherLast) {
        return Integer.compareUnsigned(first, otherLast) <= 0 && Integer.compareUnsigned(otherFirst, last) <= 0;
    }

    private static String text(int first, int last) {
        return EndpointId.format(first) + "-" + EndpointId.format(last);
    }

    @Override
    public String toString() {
        return text(first, last) + "=" + Text.hex(Integer.toUnsignedLong(firstEndpoint));
    }
}
