package org.pviommu.fuzz;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Lets the fuzzer look for new inputs, from the corpus on, in a JVM of its own: {@code -Pfuzz}, {@code -Dfuzz.seconds=N} for
 * longer. Time decides how much is tried; only a finding fails. What was tried lies in {@code target/fuzz} afterwards, with the
 * inputs that reached something new.
 */
class ExploreTest {
    private static final String SECONDS = System.getProperty("fuzz.seconds", "0");
    /** One input does at most some hundred calls; one that takes this long hangs. */
    private static final int TIMEOUT_SECONDS = 60;

    private static final int MAX_INPUT_BYTES = 1024;
    private static final String FUZZED =
            "org.pviommu.engine.**:org.pviommu.host.**:org.pviommu.server.ring.**:org.pviommu.virtio.**";
    /** What only looks on would count as reached code. */
    private static final String NOT_FUZZED =
            "org.pviommu.engine.EngineInvariants:org.pviommu.server.ring.RingTarget*:org.pviommu.server.ring.RingPeer"
                    + ":org.pviommu.virtio.vhost.VhostTarget*";

    @ParameterizedTest
    @EnumSource
    void shouldFindNothing(Target target) throws IOException, InterruptedException {
        assumeTrue(Integer.parseInt(SECONDS) > 0, "only with -Pfuzz");
        Path directory = Files.createDirectories(Path.of("target", "fuzz").toAbsolutePath());
        Path found = Files.createDirectories(directory.resolve(target.id()));
        Path output = directory.resolve(target.id() + ".txt");

        int exitCode = new ProcessBuilder(command(target, found))
                .directory(directory.toFile())
                .redirectErrorStream(true)
                .redirectOutput(output.toFile())
                .start()
                .waitFor();

        List<String> lines = Files.readAllLines(output);
        System.out.println("fuzz " + target.id() + ": " + lines.getLast() + ", " + output);
        assertEquals(0, exitCode, () -> findingIn(lines));
    }

    /** From the first heading on, under which the finding is, or all when it ended in another way. */
    private static String findingIn(List<String> lines) {
        long before = lines.stream().takeWhile(line -> !line.startsWith("== ")).count();
        return String.join("\n", lines.subList(before == lines.size() ? 0 : (int) before, lines.size()));
    }

    private static List<String> command(Target target, Path found) {
        List<String> command = new ArrayList<>(
                List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString()));
        command.addAll(
                List.of("-Xmx1g", "--enable-native-access=ALL-UNNAMED", "--sun-misc-unsafe-memory-access=allow"));
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), "com.code_intelligence.jazzer.Jazzer"));
        command.addAll(List.of(
                "--target_class=" + target.type().getName(),
                "--instrumentation_includes=" + FUZZED,
                "--instrumentation_excludes=" + NOT_FUZZED,
                // Its hooks look for injections into databases, shells and the like, which there are none of here.
                "--custom_hook_includes=none",
                "--mutator_framework=false",
                "-max_total_time=" + SECONDS,
                "-timeout=" + TIMEOUT_SECONDS,
                "-max_len=" + MAX_INPUT_BYTES));
        command.addAll(
                List.of(found.toString(), target.corpus().toAbsolutePath().toString()));
        return command;
    }
}
