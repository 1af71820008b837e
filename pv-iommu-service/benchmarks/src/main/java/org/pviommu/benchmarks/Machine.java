package org.pviommu.benchmarks;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** Where and how the figures were made: without that they mean nothing. Names and values, in order. */
record Machine(Map<String, String> facts) {

    /** The machine this runs on. */
    static Machine here(int rounds, String forkPlan) throws IOException {
        Map<String, String> facts = new LinkedHashMap<>();
        facts.put("cpu", cpuModel());
        facts.put("cores", Integer.toString(Runtime.getRuntime().availableProcessors()));
        facts.put("kernel", System.getProperty("os.name") + " " + System.getProperty("os.version"));
        facts.put("jdk", System.getProperty("java.vendor") + " " + System.getProperty("java.runtime.version"));
        facts.put("cCompiler", RadixCompiler.describe());
        facts.put("rounds", rounds + ", " + forkPlan);
        facts.put("when", Instant.now().truncatedTo(ChronoUnit.SECONDS).toString());
        return new Machine(facts);
    }

    private static String cpuModel() throws IOException {
        List<String> lines = Files.readAllLines(Path.of("/proc/cpuinfo"));
        return lines.stream()
                .filter(line -> line.startsWith("model name"))
                .findFirst()
                .map(line -> line.substring(line.indexOf(':') + 1).strip())
                .orElse("unknown");
    }

    String markdown() {
        return facts.entrySet().stream()
                .map(fact -> "- " + fact.getKey() + ": " + fact.getValue() + "\n")
                .collect(Collectors.joining());
    }

    /** The members of a JSON object, each line ended with a comma. */
    String json() {
        return facts.entrySet().stream()
                .map(fact -> "  " + quoted(fact.getKey()) + ": " + quoted(fact.getValue()) + ",\n")
                .collect(Collectors.joining());
    }

    /** A JSON string; control characters, which no name here has, become spaces. */
    static String quoted(String text) {
        return '"' + text.replaceAll("\\p{Cntrl}", " ").replace("\\", "\\\\").replace("\"", "\\\"") + '"';
    }
}
