package org.pviommu.systemtests.conformance;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * The table of docs/virtio-iommu.md: {@code | id | keyword | what is asked | tests, or deviation |}.
 *
 * @param rows in the order of the document
 */
record ConformanceTable(List<Row> rows) {
    private static final Pattern ROW =
            Pattern.compile("^\\| (C\\d+|UNMAP \\d+) \\| ([^|]*) \\| ([^|]*) \\| ([^|]*) \\|$");
    /** {@code Class.method} in backticks, with {@code [n]} for one run of a parameterized test. */
    private static final Pattern TEST = Pattern.compile("`([A-Z]\\w*)\\.(\\w+)(\\[\\d+])?`");

    private static final String DEVIATION = "**deviation**: ";

    /**
     * A row.
     *
     * @param id of the checklist, or {@code UNMAP n}
     * @param keyword MUST, SHOULD, ... or a dash
     * @param tests named in it
     * @param deviates whether it states a deviation, with a reason
     */
    record Row(String id, String keyword, List<Named> tests, boolean deviates) {}

    /**
     * A test.
     *
     * @param className without its package
     * @param method its method
     * @param run {@code [n]}, or empty for all runs
     */
    record Named(String className, String method, String run) {
        @Override
        public String toString() {
            return className + "." + method + run;
        }
    }

    /** What has to be there, each once: 93 items of the checklist and the seven examples of UNMAP. */
    static List<String> wantedIds() {
        return Stream.concat(
                        IntStream.rangeClosed(1, 93).mapToObj("C%02d"::formatted),
                        IntStream.rangeClosed(1, 7).mapToObj("UNMAP %d"::formatted))
                .toList();
    }

    static ConformanceTable read(Path document) throws IOException {
        List<Row> rows = new ArrayList<>();
        for (String line : Files.readAllLines(document)) {
            Matcher row = ROW.matcher(line);
            if (row.matches()) {
                String answer = row.group(4);
                rows.add(new Row(row.group(1), row.group(2), tests(answer), answer.contains(DEVIATION)));
            }
        }
        return new ConformanceTable(rows);
    }

    private static List<Named> tests(String text) {
        return TEST.matcher(text)
                .results()
                .map(found -> new Named(found.group(1), found.group(2), found.group(3) == null ? "" : found.group(3)))
                .toList();
    }
}
