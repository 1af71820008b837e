package org.pviommu.systemtests.conformance;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import javax.xml.stream.XMLStreamException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * docs/virtio-iommu.md says which test stands for which item of the checklist. This looks whether these tests ran and passed: those of
 * the rooms below by the reports of this build, which are there because Maven is done with those rooms before it comes here. Of tests in this
 * room, virtual machines among them, it can only tell that they exist.
 */
class ConformanceTableTest {
    private static final Path DOCUMENT = Path.of("../../docs/virtio-iommu.md");
    private static final List<Path> ROOMS_BELOW = List.of(Path.of("../../virtio-frontend"), Path.of("../engine"));
    private static final Path OWN_CLASSES = Path.of("target/test-classes");
    private static final String COMMAND = "./pvi test -pl pv-iommu-service/system-tests -am";

    @Test
    void shouldHaveEachItemOnce() throws IOException {
        List<String> ids = ConformanceTable.read(DOCUMENT).rows().stream()
                .map(ConformanceTable.Row::id)
                .toList();

        assertEquals(ConformanceTable.wantedIds(), ids);
    }

    @Test
    void shouldNameATestOrAReasonAndDeviateFromNoMust() throws IOException {
        for (ConformanceTable.Row row : ConformanceTable.read(DOCUMENT).rows()) {
            assertTrue(!row.tests().isEmpty() || row.deviates(), row.id() + " has neither a test nor a deviation");
            assertTrue(!row.keyword().contains("MUST") || !row.deviates(), row.id() + " deviates from a MUST");
        }
    }

    @Test
    void shouldNameTestsThatRanAndPassed() throws IOException, XMLStreamException, ClassNotFoundException {
        RanTests ran = new RanTests();
        for (Path room : ROOMS_BELOW) {
            boolean read = ran.read(room);
            assertTrue(read, () -> "no reports in " + room + "/target/surefire-reports; made by: " + COMMAND);
        }
        List<String> problems = new ArrayList<>();
        for (ConformanceTable.Row row : ConformanceTable.read(DOCUMENT).rows()) {
            for (ConformanceTable.Named test : row.tests()) {
                problems(ran, test).forEach(problem -> problems.add(row.id() + " " + problem));
            }
        }

        assertEquals(List.of(), problems, "to run them all: " + COMMAND);
    }

    private static List<String> problems(RanTests ran, ConformanceTable.Named test)
            throws IOException, ClassNotFoundException {
        String type = ran.knows(test.className()) ? "" : ownClass(test.className());
        if (type.isEmpty()) {
            return ran.problems(test);
        }
        Class<?> found = Class.forName(type, false, ConformanceTableTest.class.getClassLoader());
        boolean exists = Arrays.stream(found.getDeclaredMethods())
                .filter(method ->
                        method.isAnnotationPresent(Test.class) || method.isAnnotationPresent(ParameterizedTest.class))
                .anyMatch(method -> method.getName().equals(test.method()));
        return exists ? List.of() : List.of(test + ": is no test of " + type);
    }

    /** The class of this room that has this name, or an empty text. */
    private static String ownClass(String simpleName) throws IOException {
        try (Stream<Path> all = Files.walk(OWN_CLASSES)) {
            return all.filter(file -> file.endsWith(simpleName + ".class"))
                    .map(file -> OWN_CLASSES.relativize(file).toString())
                    .map(file ->
                            file.substring(0, file.length() - ".class".length()).replace('/', '.'))
                    .findFirst()
                    .orElse("");
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            plain             | ''
            overloaded        | ''
            overloaded[2]     | ''
            braces            | ''
            overloaded[3]     | did not run
            plai              | did not run
            failing           | failed or was skipped as failing
            sometimes         | failed or was skipped as sometimes[2]
            sometimes[1]      | ''
            erring            | failed or was skipped as erring
            skipped           | failed or was skipped as skipped
            """)
    void shouldTellWhatAReportSays(String method, String problem, @TempDir Path room)
            throws IOException, XMLStreamException {
        writeRoom(room);
        RanTests ran = new RanTests();
        assertTrue(ran.read(room));

        String run = method.contains("[") ? method.substring(method.indexOf('[')) : "";
        String name = method.substring(0, method.length() - run.length());
        List<String> problems = ran.problems(new ConformanceTable.Named("ATest", name, run));

        assertEquals(problem.isEmpty() ? List.of() : List.of("ATest." + method + ": " + problem), problems);
    }

    @Test
    void shouldNotTrustAReportThatIsOlderThanItsClass(@TempDir Path room) throws IOException, XMLStreamException {
        RanTests none = new RanTests();
        assertEquals(false, none.read(room));
        writeRoom(room);
        Path compiled = room.resolve("target/test-classes/org/some/ATest.class");
        Files.setLastModifiedTime(
                room.resolve("target/surefire-reports/TEST-org.some.ATest.xml"),
                java.nio.file.attribute.FileTime.fromMillis(
                        Files.getLastModifiedTime(compiled).toMillis() - 10_000));
        RanTests ran = new RanTests();
        ran.read(room);

        assertEquals(
                List.of("ATest.plain: its class has a report of another build"),
                ran.problems(new ConformanceTable.Named("ATest", "plain", "")));
        assertEquals(
                List.of("BTest.plain: its class did not run"),
                ran.problems(new ConformanceTable.Named("BTest", "plain", "")));
    }

    private static void writeRoom(Path room) throws IOException {
        Path compiled = Files.createDirectories(room.resolve("target/test-classes/org/some"));
        Path reports = Files.createDirectories(room.resolve("target/surefire-reports"));
        Files.writeString(compiled.resolve("ATest.class"), "");
        Files.writeString(reports.resolve("TEST-org.some.ATest.xml"), """
                <testsuite name="org.some.ATest">
                  <testcase name="plain"/>
                  <testcase name="overloaded(int, String)[1]"/>
                  <testcase name="overloaded(int, String)[2]"/>
                  <testcase name="braces{int}[1]"/>
                  <testcase name="failing"><failure message="x">y</failure></testcase>
                  <testcase name="sometimes(int)[1]"/>
                  <testcase name="sometimes(int)[2]"><failure/></testcase>
                  <testcase name="erring"><error/></testcase>
                  <testcase name="skipped"><skipped/></testcase>
                </testsuite>
                """);
    }
}
