package org.pviommu.systemtests.mutants;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import javax.tools.JavaCompiler;
import javax.tools.ToolProvider;
import org.pviommu.systemtests.differential.DifferentialRun;

/** Compiles a mutant into a folder of its own and runs the differential test against it in a JVM of its own. */
public final class MutantLab {
    private static final long HANG_GUARD_MINUTES = 10;

    private final Path engineSources;
    private final Path workFolder;

    /**
     * A lab.
     *
     * @param engineSources folder of the engine's package {@code org.pviommu.engine}
     * @param workFolder where compiled mutants go
     */
    public MutantLab(Path engineSources, Path workFolder) {
        this.engineSources = engineSources;
        this.workFolder = workFolder;
    }

    /**
     * How the differential test ended with the bug in.
     *
     * @param exitCode 0 when it noticed nothing
     * @param output what it printed
     */
    public record Outcome(int exitCode, String output) {
        /** Whether the bug was noticed, and not something else that went wrong. */
        public boolean caught() {
            return exitCode == 1 && output.contains("DIVERGED");
        }
    }

    /** Runs {@code operations} operations from {@code seed} against the mutant. */
    public Outcome run(Mutant mutant, long seed, long operations) {
        try {
            Path classes = compile(mutant);
            return runDifferential(classes, seed, operations);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted", e);
        }
    }

    private Path compile(Mutant mutant) throws IOException {
        Path folder = Files.createDirectories(workFolder.resolve(mutant.id()));
        Path source = folder.resolve(mutant.sourceFile());
        Files.writeString(source, mutant.plantedIn(Files.readString(engineSources.resolve(mutant.sourceFile()))));
        Path classes = Files.createDirectories(folder.resolve("classes"));
        JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
        String classPath = System.getProperty("java.class.path");
        int result = compiler.run(
                null,
                null,
                null,
                "-proc:none",
                "-nowarn",
                "-cp",
                classPath,
                "-d",
                classes.toString(),
                source.toString());
        if (result != 0) {
            throw new IllegalStateException(mutant + " does not compile");
        }
        return classes;
    }

    private static Outcome runDifferential(Path classes, long seed, long operations)
            throws IOException, InterruptedException {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.add("--enable-native-access=ALL-UNNAMED");
        command.add("-cp");
        command.add(classes + File.pathSeparator + System.getProperty("java.class.path"));
        command.add(DifferentialRun.class.getName());
        command.addAll(List.of("--seed", Long.toString(seed), "--ops", Long.toString(operations)));
        Path output = classes.resolveSibling("output.txt");
        Process process = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(output.toFile())
                .start();
        if (!process.waitFor(HANG_GUARD_MINUTES, TimeUnit.MINUTES)) {
            process.destroyForcibly().waitFor();
            throw new IllegalStateException("hung after " + HANG_GUARD_MINUTES + " minutes: " + command);
        }
        return new Outcome(process.exitValue(), Files.readString(output));
    }
}
