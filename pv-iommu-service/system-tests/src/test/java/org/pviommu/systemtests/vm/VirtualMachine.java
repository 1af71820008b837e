package org.pviommu.systemtests.vm;

import static org.junit.jupiter.api.Assertions.fail;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Runs a program in a virtual machine by {@code vm/run.sh}, with the class path of this test, and takes its {@code case} lines apart.
 * A machine that cannot be made, does not end or reports nothing fails the test: it is never skipped.
 */
final class VirtualMachine {
    private static final Path SCRIPT = Path.of("vm/run.sh").toAbsolutePath();
    private static final Path LOGS = Path.of("target/vm").toAbsolutePath();
    /** Emulated, and beside other work: many times what an idle machine takes. */
    private static final int LIMIT_S = 900;

    private VirtualMachine() {}

    /** The kernel that is booted. */
    enum Kernel {
        STOCK,
        IOMMUFD
    }

    /** How time passes in the machine. */
    enum Time {
        /** As outside, with two processors. */
        REAL,
        /** With the instructions of one processor; waiting takes none, which is right for much DMA, as edu mostly waits. */
        COUNTED
    }

    /**
     * One line of the program.
     *
     * @param failure what was wrong; empty when it held
     */
    record Case(String name, String failure) {
        /** Fails as it failed in the machine. */
        void require() {
            if (!failure.isEmpty()) {
                fail(failure);
            }
        }
    }

    /** Boots once, runs it, and returns its cases, of which there is at least one. */
    static List<Case> run(String name, Kernel kernel, Time time, Class<?> program, String... arguments) {
        List<String> command = new ArrayList<>(List.of(SCRIPT.toString(), "--seconds", Integer.toString(LIMIT_S)));
        command.addAll(List.of("--logs", LOGS.resolve(name).toString()));
        if (time == Time.COUNTED) {
            command.add("--counted");
        }
        command.add(kernel.name().toLowerCase(Locale.ROOT));
        command.addAll(List.of(System.getProperty("java.class.path"), program.getName()));
        command.addAll(List.of(arguments));
        ProcessBuilder builder = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT);
        builder.environment().put("JAVA_HOME", System.getProperty("java.home"));
        try {
            Process process = builder.start();
            List<Case> cases = cases(name, process);
            return judged(name, cases, process.waitFor());
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
            throw new AssertionError("interrupted", stopped);
        }
    }

    private static List<Case> cases(String name, Process process) throws IOException {
        List<Case> cases = new ArrayList<>();
        try (BufferedReader output = process.inputReader(StandardCharsets.UTF_8)) {
            for (String line = output.readLine(); line != null; line = output.readLine()) {
                System.out.println("vm: " + name + ": " + line); // machines run side by side
                String[] words = line.split(" ", 4);
                if (words.length >= 3 && words[0].equals("case")) {
                    cases.add(new Case(words[1], words[2].equals("ok") ? "" : line));
                }
            }
        }
        return cases;
    }

    /** An exit code that the cases do not explain is a case of its own, so that those before it are reported as well. */
    private static List<Case> judged(String name, List<Case> cases, int exitCode) {
        boolean failed = cases.stream().anyMatch(each -> !each.failure().isEmpty());
        if (cases.isEmpty() || exitCode != (failed ? 1 : 0)) {
            cases.add(new Case(
                    "machine-ends-well",
                    "exit code " + exitCode + " of " + SCRIPT + " after " + cases.size()
                            + " cases (2: something is missing, see above;"
                            + " 124: time limit; 125: no result); logs: " + LOGS.resolve(name)));
        }
        return cases;
    }
}
