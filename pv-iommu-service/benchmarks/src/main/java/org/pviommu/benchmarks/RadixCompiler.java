package org.pviommu.benchmarks;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Turns radix.c into a library, with the system's C compiler, for the CPU that it runs on. */
final class RadixCompiler {
    private static final List<String> FLAGS =
            List.of("-O3", "-march=native", "-std=c11", "-Wall", "-Wextra", "-fPIC", "-shared");
    private static final long COMPILER_TIMEOUT_S = 60;

    private RadixCompiler() {}

    /**
     * Compiles radix.c into {@code directory}, which must exist.
     *
     * @return absolute path of the library
     * @throws IOException when there is no {@code cc} or it fails; the message has its output
     */
    static Path compile(Path directory) throws IOException {
        Path source = directory.resolve("radix.c").toAbsolutePath();
        Path library = directory.resolve("libpvi-radix.so").toAbsolutePath();
        Files.write(source, source());
        run("cc " + String.join(" ", FLAGS), List.of("-o", library.toString(), source.toString()));
        return library;
    }

    private static byte[] source() throws IOException {
        try (InputStream in = RadixCompiler.class.getResourceAsStream("radix.c")) {
            if (in == null) {
                throw new IOException("radix.c is missing from the class path");
            }
            return in.readAllBytes();
        }
    }

    /** Which compiler and how it is called, in one line. */
    static String describe() throws IOException {
        String version = run("cc --version", List.of()).lines().findFirst().orElse("cc");
        return version + ", " + String.join(" ", FLAGS);
    }

    private static String run(String command, List<String> arguments) throws IOException {
        List<String> words = new ArrayList<>(List.of(command.split(" ", -1)));
        words.addAll(arguments);
        Process process = new ProcessBuilder(words).redirectErrorStream(true).start();
        try {
            String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            if (!process.waitFor(COMPILER_TIMEOUT_S, TimeUnit.SECONDS) || process.exitValue() != 0) {
                throw new IOException(String.join(" ", words) + " failed: " + output);
            }
            return output;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException(command + " was interrupted", e);
        } finally {
            process.destroy();
        }
    }
}
