package org.pviommu.abi;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** The code in docs/guest-side.md is the code of dom0-guest, and its table of statuses is the table in the code. */
class GuestSideDocTest {
    private static final Path DOC = Tool.MODULE.resolve("../docs/guest-side.md");
    private static final Path SOURCES = Tool.MODULE.resolve("shim/dom0-guest");

    private static final Pattern MARKED =
            Pattern.compile("(?ms)^/\\* doc:begin (\\w+) \\*/\\n(.*?)^/\\* doc:end (\\w+) \\*/$");

    /** A code block with the comment before it that says where it is from; group 2 is null without such a comment. */
    private static final Pattern BLOCK = Pattern.compile("(?ms)^(<!-- (\\w+\\.c) (\\w+) -->\\n)?```c\\n(.*?)^```$");

    @Test
    void shouldQuoteTheSourcesWordForWord() throws IOException {
        Map<String, String> marked = markedParts();
        Matcher blocks = BLOCK.matcher(Files.readString(DOC));
        List<String> quoted = new ArrayList<>();
        while (blocks.find()) {
            assertTrue(blocks.group(2) != null, "a block of C code without its source:\n" + blocks.group(4));
            String part = blocks.group(2) + " " + blocks.group(3);
            assertTrue(marked.containsKey(part), "not marked in the sources: " + part);
            assertEquals(marked.get(part), blocks.group(4), part);
            quoted.add(part);
        }

        // A part that is marked but not quoted has lost its reason; one that is quoted twice is one too many.
        assertEquals(marked.keySet(), new TreeSet<>(quoted));
        assertEquals(marked.size(), quoted.size(), quoted.toString());
    }

    /** The table for readers has the same rows as the one for the compiler. */
    @Test
    void shouldListTheReactionsOfTheTable() throws IOException {
        String code = markedParts().get("handle_status.c handle_status");
        Map<String, String> inCode =
                rows("\\{IOMMU_STATUS_(\\w+), \\{(\\w+), (\\w+), (\\w+)\\}\\}", code == null ? "" : code);
        Map<String, String> inDoc = rows("(?m)^\\| (\\w+) \\| (\\w+) \\| (\\w+) \\| (\\w+) \\|", Files.readString(DOC));

        assertEquals(12, inCode.size());
        inDoc.keySet().retainAll(inCode.keySet());
        assertEquals(inCode, inDoc);
    }

    private static Map<String, String> rows(String regex, String text) {
        Map<String, String> rows = new TreeMap<>();
        Matcher matcher = Pattern.compile(regex).matcher(text);
        while (matcher.find()) {
            rows.put(matcher.group(1), matcher.group(2) + " " + matcher.group(3) + " " + matcher.group(4));
        }
        return rows;
    }

    /** Marked source text by "file name". */
    private static Map<String, String> markedParts() throws IOException {
        Map<String, String> parts = new TreeMap<>();
        try (var files = Files.list(SOURCES)) {
            for (Path file : files.filter(f -> f.toString().endsWith(".c")).toList()) {
                String source = Files.readString(file);
                Matcher matcher = MARKED.matcher(source);
                while (matcher.find()) {
                    assertEquals(matcher.group(1), matcher.group(3), "marks of " + file);
                    parts.put(file.getFileName() + " " + matcher.group(1), matcher.group(2));
                }
                long begun = source.lines().filter(l -> l.contains("doc:begin")).count();
                long found = parts.keySet().stream()
                        .filter(k -> k.startsWith(file.getFileName() + " "))
                        .count();
                assertEquals(begun, found, "unpaired or doubled marks in " + file);
            }
        }
        return parts;
    }
}
