package org.pviommu.abi;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Runs the system's compiler and what it made; a run that fails is an error that shows the whole output. */
final class Tool {
    /** Module directory: surefire runs the tests in it. */
    static final Path MODULE = Path.of("").toAbsolutePath();

    static final Path INCLUDE = MODULE.resolve("include");

    /** Hang guard only; nothing here takes more than a few seconds on an idle machine. */
    private static final int LIMIT_SECONDS = 300;

    /** What a run left behind. */
    record Result(int exitCode, String output) {}

    private Tool() {}

    /** Standard output and error of a command that must succeed. */
    static String run(List<String> command) {
        Result result = tryRun(command);
        if (result.exitCode() != 0) {
            throw new AssertionError(
                    String.join(" ", command) + "\nexit code " + result.exitCode() + "\n" + result.output());
        }
        return result.output();
    }

    /** Runs a command that may fail. */
    static Result tryRun(List<String> command) {
        try {
            // A file, not a pipe: nobody has to drain it while we wait for the end.
            Path output = Files.createTempFile("pvi-abi", ".out");
            try {
                Process process = new ProcessBuilder(command)
                        .directory(MODULE.toFile())
                        .redirectErrorStream(true)
                        .redirectOutput(output.toFile())
                        .start();
                if (!process.waitFor(LIMIT_SECONDS, TimeUnit.SECONDS)) {
                    process.destroyForcibly();
                    throw new AssertionError(
                            String.join(" ", command) + ": no end after " + LIMIT_SECONDS + " s\n" + read(output));
                }
                return new Result(process.exitValue(), read(output));
            } finally {
                Files.deleteIfExists(output);
            }
        } catch (IOException | InterruptedException e) {
            throw new AssertionError(String.join(" ", command), e);
        }
    }

    private static String read(Path file) throws IOException {
        return Files.readString(file, StandardCharsets.UTF_8);
    }
}
