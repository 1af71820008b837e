package org.pviommu.server;

import java.util.Locale;
import java.util.regex.Pattern;

/**
 * Endpoint ids for people: 32 bits, PCI segment in the upper half and bus, device, function in the lower, written as
 * {@code 0000:01:00.0}. There is one canonical spelling (lower case, all digits), and nothing else is accepted, so that
 * two strings never name one device (catalogue F07).
 */
public final class EndpointId {
    private static final Pattern CANONICAL = Pattern.compile("[0-9a-f]{4}:[0-9a-f]{2}:[01][0-9a-f]\\.[0-7]");

    /** Device 1, function 0 on bus 0: where a guest without configured endpoints finds its simulated device. */
    private static final int DEFAULT_BDF = 1 << 3;

    /** Guests above this number cannot have their number as a PCI segment. */
    public static final int MAX_GUEST_WITH_DEFAULT = 0xffff;

    private EndpointId() {}

    /** The simulated endpoint of a guest that has none configured: segment = guest id, device 00:01.0. */
    public static int defaultOf(int guestId) {
        if (guestId < 0 || guestId > MAX_GUEST_WITH_DEFAULT) {
            throw new IllegalArgumentException("guest=" + Integer.toUnsignedString(guestId) + " max="
                    + MAX_GUEST_WITH_DEFAULT + " for a default endpoint: configure its endpoints");
        }
        return guestId << 16 | DEFAULT_BDF;
    }

    /** Whether {@code endpointId} is where the default endpoint of some guest other than {@code guestId} lies. */
    public static boolean isDefaultOfAnother(int endpointId, int guestId) {
        return (endpointId & 0xffff) == DEFAULT_BDF && endpointId >>> 16 != guestId;
    }

    /** The canonical spelling. */
    public static String format(int endpointId) {
        return String.format(
                Locale.ROOT,
                "%04x:%02x:%02x.%x",
                endpointId >>> 16,
                endpointId >>> 8 & 0xff,
                endpointId >>> 3 & 0x1f,
                endpointId & 7);
    }

    /**
     * Reads the canonical spelling.
     *
     * @throws IllegalArgumentException naming the value
     */
    public static int parse(String text) {
        if (!CANONICAL.matcher(text).matches()) {
            throw new IllegalArgumentException(
                    "endpoint=" + Text.quote(text) + " is not of the form 0000:01:00.0 (lower-case hex)");
        }
        int segment = Integer.parseInt(text.substring(0, 4), 16);
        int bus = Integer.parseInt(text.substring(5, 7), 16);
        int device = Integer.parseInt(text.substring(8, 10), 16);
        int function = text.charAt(11) - '0';
        return segment << 16 | bus << 8 | device << 3 | function;
    }
}
