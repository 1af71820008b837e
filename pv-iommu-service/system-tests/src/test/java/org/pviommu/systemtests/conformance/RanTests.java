package org.pviommu.systemtests.conformance;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;
import javax.xml.stream.XMLInputFactory;
import javax.xml.stream.XMLStreamConstants;
import javax.xml.stream.XMLStreamException;
import javax.xml.stream.XMLStreamReader;

/** The tests that Surefire has run in a room, by its reports. */
final class RanTests {
    private static final String PREFIX = "TEST-";
    private static final String SUFFIX = ".xml";
    private static final Set<String> NOT_PASSED = Set.of("failure", "error", "skipped");

    /** Whether each run has passed, by class without its package and by {@code method[n]}. */
    private final Map<String, Map<String, Boolean>> classes = new TreeMap<>();
    /** Classes whose report is older than they are: it tells of another build. */
    private final Set<String> stale = new TreeSet<>();

    /**
     * Reads the reports of a room.
     *
     * @param room its folder
     * @return whether there was one
     */
    boolean read(Path room) throws IOException, XMLStreamException {
        Path reports = room.resolve("target/surefire-reports");
        if (!Files.isDirectory(reports)) {
            return false;
        }
        List<Path> files;
        try (Stream<Path> all = Files.list(reports)) {
            files = all.filter(RanTests::isReport).toList();
        }
        for (Path file : files) {
            readReport(room, file);
        }
        return !files.isEmpty();
    }

    private static boolean isReport(Path file) {
        String name = file.getFileName().toString();
        return name.startsWith(PREFIX) && name.endsWith(SUFFIX);
    }

    private void readReport(Path room, Path report) throws IOException, XMLStreamException {
        String name = report.getFileName().toString();
        String type = name.substring(PREFIX.length(), name.length() - SUFFIX.length());
        String simple = type.substring(type.lastIndexOf('.') + 1);
        Path compiled = room.resolve("target/test-classes").resolve(type.replace('.', '/') + ".class");
        if (!Files.exists(compiled)
                || Files.getLastModifiedTime(report).compareTo(Files.getLastModifiedTime(compiled)) < 0) {
            stale.add(simple);
            return;
        }
        try (InputStream in = Files.newInputStream(report)) {
            readCases(in, classes.computeIfAbsent(simple, ignored -> new TreeMap<>()));
        }
    }

    private static void readCases(InputStream in, Map<String, Boolean> passed) throws XMLStreamException {
        XMLInputFactory factory = XMLInputFactory.newDefaultFactory();
        factory.setProperty(XMLInputFactory.SUPPORT_DTD, false);
        XMLStreamReader reader = factory.createXMLStreamReader(in);
        String current = "";
        while (reader.hasNext()) {
            if (reader.next() != XMLStreamConstants.START_ELEMENT) {
                continue;
            }
            String element = reader.getLocalName();
            if (element.equals("testcase")) {
                current = run(reader.getAttributeValue(null, "name"));
                passed.putIfAbsent(current, true);
            } else if (NOT_PASSED.contains(element)) {
                passed.put(current, false);
            }
        }
    }

    /** {@code method(int, String)[3]} and {@code method{int}[3]} are {@code method[3]}. */
    private static String run(String name) {
        return name.replaceFirst("[({].*[)}](?=(\\[\\d+])?$)", "");
    }

    /** What is wrong about a test that should have run and passed; empty when nothing is. */
    List<String> problems(ConformanceTable.Named test) {
        Map<String, Boolean> cases = classes.get(test.className());
        if (cases == null) {
            String why = stale.contains(test.className()) ? " has a report of another build" : " did not run";
            return List.of(test + ": its class" + why);
        }
        List<String> problems = new ArrayList<>();
        boolean found = false;
        for (Map.Entry<String, Boolean> each : cases.entrySet()) {
            String name = each.getKey();
            boolean all = test.run().isEmpty();
            if (name.equals(test.method() + test.run()) || (all && name.startsWith(test.method() + "["))) {
                found = true;
                if (!each.getValue()) {
                    problems.add(test + ": failed or was skipped as " + name);
                }
            }
        }
        return found ? problems : List.of(test + ": did not run");
    }

    /** Whether a class of this name is in these rooms. */
    boolean knows(String className) {
        return classes.containsKey(className) || stale.contains(className);
    }
}
