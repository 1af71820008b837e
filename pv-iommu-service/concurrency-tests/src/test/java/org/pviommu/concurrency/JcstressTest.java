package org.pviommu.concurrency;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Runs the jcstress tests of this module in a JVM of their own. Short by default; longer with {@code -Dstress.ms=5000
 * -Dstress.iterations=20}, some of them with {@code -Dstress.tests=PATTERN}. Time decides how much is seen, never whether it
 * passes.
 */
class JcstressTest {
    private static final List<String> JVM_ARGS =
            List.of("--enable-native-access=ALL-UNNAMED", "--sun-misc-unsafe-memory-access=allow");

    private static final int STRIDES = 4;

    @Test
    @Timeout(value = 4, unit = TimeUnit.HOURS) // only a hang guard; the long run is as long as it was asked to be
    void shouldSeeNoForbiddenOutcome() throws IOException, InterruptedException {
        Path directory = Files.createDirectories(Path.of("target", "jcstress").toAbsolutePath());
        Path output = directory.resolve("output.txt");

        int exitCode = new ProcessBuilder(command(directory))
                .directory(directory.toFile()) // it leaves files where it runs
                .redirectErrorStream(true)
                .redirectOutput(output.toFile())
                .start()
                .waitFor();

        String text = Files.readString(output);
        assertEquals(0, exitCode, text);
        assertTrue(text.contains("[OK] org.pviommu."), () -> "no test ran: " + text);
    }

    private static List<String> command(Path directory) {
        List<String> command = new ArrayList<>(
                List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString()));
        command.addAll(JVM_ARGS);
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), "org.openjdk.jcstress.Main"));
        command.addAll(List.of("-t", System.getProperty("stress.tests", ".*")));
        command.addAll(List.of("-time", System.getProperty("stress.ms", "1500")));
        command.addAll(List.of("-iters", System.getProperty("stress.iterations", "3")));
        // Each test once as compiled usually; the stress modes of the compiler are for tests of the compiler.
        command.addAll(List.of("-f", "1", "-fsm", "1", "-sc", "false"));
        command.addAll(List.of(
                "-strideSize", Integer.toString(Pool.STATES / STRIDES), "-strideCount", Integer.toString(STRIDES)));
        command.addAll(List.of("-jvmArgs", String.join(" ", JVM_ARGS), "-v", "-r", directory.toString()));
        return command;
    }
}
