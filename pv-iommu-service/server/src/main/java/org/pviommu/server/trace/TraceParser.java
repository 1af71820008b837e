package org.pviommu.server.trace;

import java.util.regex.Pattern;
import org.pviommu.server.Text;
import org.pviommu.server.trace.TraceLine.Attach;
import org.pviommu.server.trace.TraceLine.Detach;
import org.pviommu.server.trace.TraceLine.Kick;
import org.pviommu.server.trace.TraceLine.Map;
import org.pviommu.server.trace.TraceLine.Nothing;
import org.pviommu.server.trace.TraceLine.Probe;
import org.pviommu.server.trace.TraceLine.Section;
import org.pviommu.server.trace.TraceLine.Unmap;

/**
 * Reads the lines of a trace: a letter and numbers, which are hex without a prefix, but domains and the count of K are decimal.
 *
 * <pre>
 * P endpoint                                 PROBE
 * A domain endpoint flags                    ATTACH, flags bit 0: bypass
 * D domain endpoint                          DETACH
 * M domain first last target flags           MAP, flags 1 read, 2 write, 4 mmio
 * U domain first last                        UNMAP
 * K requests                                 so many requests, which stand before it, came with one kick
 * S name                                     another machine
 * # comment
 * </pre>
 */
final class TraceParser {
    private static final Pattern SPACES = Pattern.compile(" +");
    private static final Pattern HEX = Pattern.compile("[0-9a-f]{1,16}");
    private static final long MAX_U32 = 0xffff_ffffL;

    private final String[] words;

    private TraceParser(String[] words) {
        this.words = words;
    }

    /**
     * Reads a line.
     *
     * @throws IllegalArgumentException saying what is wrong with it
     */
    static TraceLine parse(String line) {
        String text = line.strip();
        if (text.isEmpty() || text.startsWith("#")) {
            return new Nothing();
        }
        return new TraceParser(SPACES.split(text)).line();
    }

    private TraceLine line() {
        return switch (words[0]) {
            case "P" -> fields(1, new Probe(hex32("endpoint", 1)));
            case "A" -> fields(3, new Attach(domain(), hex32("endpoint", 2), hex32("flags", 3)));
            case "D" -> fields(2, new Detach(domain(), hex32("endpoint", 2)));
            case "M" ->
                fields(5, new Map(domain(), hex("first", 2), hex("last", 3), hex("target", 4), hex32("flags", 5)));
            case "U" -> fields(3, new Unmap(domain(), hex("first", 2), hex("last", 3)));
            case "K" -> fields(1, new Kick(decimal("requests", 1)));
            case "S" -> fields(1, new Section(word("name", 1)));
            default -> throw new IllegalArgumentException("record=" + Text.quote(words[0]) + " known: P A D M U K S #");
        };
    }

    private TraceLine fields(int expected, TraceLine line) {
        if (words.length != expected + 1) {
            throw new IllegalArgumentException("fields=" + (words.length - 1) + " expected=" + expected);
        }
        return line;
    }

    private String word(String name, int index) {
        if (index >= words.length) {
            throw new IllegalArgumentException(name + " is missing");
        }
        return words[index];
    }

    private int domain() {
        return decimal("domain", 1);
    }

    private int decimal(String name, int index) {
        String text = word(name, index);
        if (!Text.isCanonicalDecimal(text)) {
            throw new IllegalArgumentException(name + "=" + Text.quote(text) + " is not a decimal number");
        }
        return (int) Text.parseUnsigned(name, text, MAX_U32);
    }

    private long hex(String name, int index) {
        String text = word(name, index);
        if (!HEX.matcher(text).matches()) {
            throw new IllegalArgumentException(name + "=" + Text.quote(text) + " is not hex of up to 16 digits");
        }
        return Long.parseUnsignedLong(text, 16);
    }

    private int hex32(String name, int index) {
        long value = hex(name, index);
        if (Long.compareUnsigned(value, MAX_U32) > 0) {
            throw new IllegalArgumentException(name + "=" + Text.hex(value) + " max=" + Text.hex(MAX_U32));
        }
        return (int) value;
    }
}
