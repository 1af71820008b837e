package org.pviommu.natives.libc;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** Compiles and runs the C probe with the system's compiler and headers. */
final class Probe {

    private static final Path SOURCES = Path.of("src/probe/c");
    private static final List<String> COMPILERS = List.of("cc", "gcc", "clang");
    /** Only a guard against hanging. */
    private static final long LIMIT_SECONDS = 120;

    private Probe() {}

    /** What the probe of that file printed: name to value. */
    static Map<String, Long> run(Path workFolder, String sourceFile) throws IOException, InterruptedException {
        Path program = workFolder.resolve("probe");
        execute(
                workFolder,
                compiler(),
                "-std=c11",
                "-Wall",
                "-Wextra",
                "-Werror",
                "-o",
                program.toString(),
                source(sourceFile));
        return parse(execute(workFolder, program.toString()));
    }

    /** Fails where a test would have to be skipped: without a compiler nothing is checked, and that must not look green. */
    static String compiler() {
        return COMPILERS.stream()
                .filter(Probe::isOnPath)
                .findFirst()
                .orElseThrow(() -> new AssertionError("no C compiler on PATH, looked for " + COMPILERS
                        + ": install gcc and the C library's headers (Debian: gcc libc6-dev), or run ./pvi setup"));
    }

    static String execute(Path workFolder, String... command) throws IOException, InterruptedException {
        Path output = Files.createTempFile(workFolder, "output", ".txt");
        Process process = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(output.toFile())
                .start();
        if (!process.waitFor(LIMIT_SECONDS, TimeUnit.SECONDS)) {
            process.destroyForcibly();
            throw new AssertionError(String.join(" ", command) + " limitSeconds=" + LIMIT_SECONDS);
        }
        String text = Files.readString(output, StandardCharsets.UTF_8);
        if (process.exitValue() != 0) {
            throw new AssertionError(String.join(" ", command) + " exit=" + process.exitValue() + "\n" + text);
        }
        return text;
    }

    private static String source(String file) {
        return SOURCES.resolve(file).toAbsolutePath().toString();
    }

    private static Map<String, Long> parse(String text) {
        Map<String, Long> values = new TreeMap<>();
        text.lines().forEach(line -> {
            int equals = line.indexOf('=');
            Long before = values.put(line.substring(0, equals), Long.valueOf(line.substring(equals + 1)));
            if (before != null) {
                throw new AssertionError("printed twice: " + line);
            }
        });
        return values;
    }

    private static boolean isOnPath(String name) {
        String path = System.getenv().getOrDefault("PATH", "");
        return Stream.of(path.split(File.pathSeparator, -1))
                .anyMatch(folder -> Files.isExecutable(Path.of(folder, name)));
    }
}
