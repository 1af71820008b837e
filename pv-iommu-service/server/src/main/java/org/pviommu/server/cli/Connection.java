package org.pviommu.server.cli;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.pviommu.server.Json;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** The options of every command that asks a service, and the two ways to show an answer. */
final class Connection {
    /** How answers are shown. */
    enum Output {
        /** Columns for people. */
        table,
        /** The service's JSON as it came. */
        json
    }

    @Spec(Spec.Target.MIXEE)
    @SuppressWarnings("NullAway.Init") // picocli sets it before any command runs
    private CommandSpec spec;

    @Option(
            names = "--run-dir",
            paramLabel = "DIR",
            defaultValue = "${env:PVI_RUN_DIR}",
            description = "Run directory of the service (or PVI_RUN_DIR).")
    private @Nullable Path runDir;

    @Option(
            names = {"-o", "--output"},
            paramLabel = "table|json",
            defaultValue = "table",
            description = "How to print: ${COMPLETION-CANDIDATES}. Default: ${DEFAULT-VALUE}.")
    private Output output = Output.table;

    /** Turns an answer into rows. */
    @FunctionalInterface
    interface Rows {
        List<List<String>> of(Map<String, @Nullable Object> answer);
    }

    RestClient open() {
        if (runDir == null) {
            throw CommandException.usage("which service? give --run-dir DIR or set PVI_RUN_DIR");
        }
        return RestClient.of(runDir);
    }

    /** Asks and prints. */
    void show(String path, List<String> header, Rows rows) {
        try (RestClient client = open()) {
            print(client.get(path), header, rows);
        }
    }

    void print(String body, List<String> header, Rows rows) {
        PrintWriter out = spec.commandLine().getOut();
        if (output == Output.json) {
            out.println(body);
        } else {
            out.print(Table.format(header, rows.of(Json.object(body))));
        }
        out.flush();
    }

    boolean isJson() {
        return output == Output.json;
    }
}
