package org.pviommu.server;

import java.util.Locale;

/** How values from outside look in our messages, and how addresses and numbers are read and written. */
public final class Text {
    private static final int MAX_QUOTED_CHARS = 120;
    private static final int HEX_DIGITS_OF_A_LONG = 16;

    private Text() {}

    /** An address or frame number as every API of the service writes it: {@code 0x} and lower-case hex digits. */
    public static String hex(long value) {
        return "0x" + Long.toHexString(value);
    }

    /**
     * Reads an unsigned number: decimal without leading zeros, or {@code 0x} and 1 to 16 hex digits.
     *
     * @param name what the number is, for the message
     * @param max largest value allowed (unsigned), inclusive
     * @throws IllegalArgumentException naming the value and the limit
     */
    public static long parseUnsigned(String name, String text, long max) {
        long value = parse(name, text);
        if (Long.compareUnsigned(value, max) > 0) {
            throw new IllegalArgumentException(name + "=" + quote(text) + " max=" + hex(max));
        }
        return value;
    }

    private static long parse(String name, String text) {
        try {
            if (text.startsWith("0x") && isHex(text.substring(2))) {
                return Long.parseUnsignedLong(text.substring(2), 16);
            }
            if (isCanonicalDecimal(text)) {
                return Long.parseUnsignedLong(text, 10);
            }
        } catch (NumberFormatException tooLong) {
            throw new IllegalArgumentException(name + "=" + quote(text) + " does not fit 64 bits", tooLong);
        }
        throw new IllegalArgumentException(
                name + "=" + quote(text) + " is not a number (decimal, or 0x and up to 16 hex digits)");
    }

    /** Only ASCII digits: {@code Character.isDigit} would let the digits of other scripts through (catalogue F07). */
    public static boolean isCanonicalDecimal(String text) {
        if (text.isEmpty() || (text.length() > 1 && text.charAt(0) == '0')) {
            return false;
        }
        return text.chars().allMatch(c -> c >= '0' && c <= '9');
    }

    private static boolean isHex(String digits) {
        return !digits.isEmpty()
                && digits.length() <= HEX_DIGITS_OF_A_LONG
                && digits.toLowerCase(Locale.ROOT)
                        .chars()
                        .allMatch(c -> (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'));
    }

    /** A value from outside, safe to put into a message of one line: control characters escaped, length bounded. */
    public static String quote(String value) {
        StringBuilder out = new StringBuilder();
        for (int i = 0; i < value.length() && out.length() < MAX_QUOTED_CHARS; i++) {
            char c = value.charAt(i);
            if (c < ' ' || c > '~') {
                out.append(String.format(Locale.ROOT, "\\u%04x", (int) c));
            } else {
                out.append(c);
            }
        }
        return value.length() > MAX_QUOTED_CHARS ? out + "..." : out.toString();
    }
}
