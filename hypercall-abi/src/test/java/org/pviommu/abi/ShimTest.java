package org.pviommu.abi;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** The C side: unit tests under sanitizers, and what the build leaves for others to run. */
class ShimTest {
    private static final Path SHIM = Tool.MODULE.resolve("shim");
    private static final Path NATIVE = Tool.MODULE.resolve("target/native");

    @Test
    void shouldPassTheUnitTestsInCUnderSanitizers() throws IOException {
        String output = Tool.run(List.of(
                "make", "-s", "-C", SHIM.toString(), "check", "OUT=" + Tool.MODULE.resolve("target/native-check")));

        // Every test that the sources list has run, twice: a program that is not linked in would be missed silently.
        for (String test : testsInSources()) {
            assertEquals(2, count("(?m)^" + test + "$", output), test + "\n" + output);
        }
    }

    @Test
    void shouldBuildWithSanitizers() {
        Path out = Tool.MODULE.resolve("target/native-check");
        Tool.run(List.of("make", "-s", "-C", SHIM.toString(), "sanitize", "OUT=" + out));

        assertTrue(Tool.run(List.of(out.resolve("sanitize/dom0-guest").toString(), "--help"))
                .contains("Usage: dom0-guest"));
    }

    @Test
    void shouldLeaveTheLibraryAndTheGuestInTarget() {
        assertTrue(Files.isRegularFile(NATIVE.resolve("libpviommu.a")));
        assertTrue(Files.isRegularFile(NATIVE.resolve("libpviommu.so")));
        assertTrue(Files.isExecutable(NATIVE.resolve("dom0-guest")));
    }

    /** Nothing but the API is visible, so that a program's own names cannot clash with ours. */
    @Test
    void shouldExportTheApiAndNothingElse() throws IOException {
        String symbols = Tool.run(List.of(
                "nm", "-D", "--defined-only", NATIVE.resolve("libpviommu.so").toString()));
        Set<String> exported = matches(" [A-Z] (\\w+)", symbols);

        Set<String> declared =
                matches("(?m)^\\w.*?\\b(pviommu_\\w+|HYPERVISOR_\\w+)\\(", Files.readString(SHIM.resolve("pviommu.h")));
        assertEquals(declared, exported);
    }

    @Test
    void shouldTellUsageErrorsFromAMissingService() {
        String guest = NATIVE.resolve("dom0-guest").toString();

        Tool.Result usage = Tool.tryRun(List.of(guest, "--socket", "/nowhere", "--memory", "1X"));
        assertEquals(2, usage.exitCode(), usage.output());
        assertTrue(usage.output().contains("--memory: not a valid value: 1X"), usage.output());

        Tool.Result unreachable = Tool.tryRun(List.of(guest, "--socket", "/nowhere/ring.sock"));
        assertEquals(3, unreachable.exitCode(), unreachable.output());
        assertTrue(unreachable.output().contains("/nowhere/ring.sock"), unreachable.output());
    }

    private static Set<String> testsInSources() throws IOException {
        Set<String> tests = new TreeSet<>();
        try (var files = Files.list(SHIM.resolve("test"))) {
            for (Path file : files.toList()) {
                tests.addAll(matches("(?m)^static void (should_\\w+)\\(void\\)", Files.readString(file)));
            }
        }
        assertTrue(tests.size() > 20, "tests found: " + tests);
        return tests;
    }

    private static Set<String> matches(String regex, String text) {
        Set<String> found = new TreeSet<>();
        Matcher matcher = Pattern.compile(regex).matcher(text);
        while (matcher.find()) {
            found.add(matcher.group(1));
        }
        return found;
    }

    private static long count(String regex, String text) {
        return Pattern.compile(regex).matcher(text).results().count();
    }
}
