package org.pviommu.journal.store;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the queue's library must not bring along, and what it needs of the JVM. */
class ClassPathTest {

    /** The classes through which Chronicle would send usage figures over the network. */
    @Test
    void shouldHaveNoAnalytics() {
        assertFalse(System.getProperty("java.class.path").contains("chronicle-analytics"));
        for (String name : List.of(
                "net.openhft.chronicle.analytics.Analytics", "net.openhft.chronicle.analytics.AnalyticsFacade")) {
            assertThrows(ClassNotFoundException.class, () -> Class.forName(name));
        }
        // A misspelt name would not be found either.
        assertTrue(classIsThere("net.openhft.chronicle.queue.ChronicleQueue"));
    }

    private static boolean classIsThere(String name) {
        try {
            Class.forName(name, false, ClassPathTest.class.getClassLoader());
            return true;
        } catch (ClassNotFoundException e) {
            return false;
        }
    }

    @Test
    void shouldWriteNothingOutsideOfItsDirectories(@TempDir Path temporary) throws Exception {
        Path home = Files.createDirectory(temporary.resolve("home"));
        Path work = Files.createDirectory(temporary.resolve("work"));
        Place place = Place.in(temporary);
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
                .filter(argument -> argument.startsWith("--"))
                .forEach(command::add);
        command.addAll(List.of("-Duser.home=" + home, "-cp", System.getProperty("java.class.path")));
        command.addAll(List.of(
                OneLife.class.getName(),
                place.directory().toString(),
                place.ringDirectory().toString()));
        Process process = new ProcessBuilder(command)
                .directory(work.toFile())
                .redirectErrorStream(true)
                .redirectOutput(temporary.resolve("log").toFile())
                .start();

        assertTrue(process.waitFor() == 0, Files.readString(temporary.resolve("log")));

        Records.assertHolds(place.directory(), 10);
        assertEmpty(home);
        assertEmpty(work);
    }

    private static void assertEmpty(Path directory) throws Exception {
        try (Stream<Path> files = Files.list(directory)) {
            assertTrue(files.toList().isEmpty(), directory.toString());
        }
    }

    /** A journal from beginning to end, in a process of its own. */
    static final class OneLife {
        private OneLife() {}

        public static void main(String[] arguments) {
            Place place = new Place(Path.of(arguments[0]), Path.of(arguments[1]), new ArrayList<>());
            try (JournalStore store = place.open()) {
                Records.append(store, 1, 10);
            }
        }
    }
}
