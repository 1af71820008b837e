package org.pviommu.server.cli;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.pviommu.server.Json;
import org.pviommu.server.run.RunFiles;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** The options of every command that reads a journal from its directory. No service is needed. */
final class JournalPlace {
    /** How a journal is shown. */
    enum Output {
        /** Columns for people. */
        table,
        /** One JSON object. */
        json,
        /** One JSON object per line. */
        jsonl
    }

    @Spec(Spec.Target.MIXEE)
    @SuppressWarnings("NullAway.Init") // picocli sets it before any command runs
    private CommandSpec spec;

    @Option(
            names = "--run-dir",
            paramLabel = "DIR",
            defaultValue = "${env:PVI_RUN_DIR}",
            description = "Without DIR: the journal in this run directory (or PVI_RUN_DIR).")
    private @Nullable Path runDir;

    @Option(
            names = {"-o", "--output"},
            paramLabel = "table|json|jsonl",
            defaultValue = "table",
            description = "How to print: ${COMPLETION-CANDIDATES}. Default: ${DEFAULT-VALUE}.")
    private Output output = Output.table;

    /** The journal's directory: the one that was named, or that of the run directory. */
    Path directory(@Nullable Path named) {
        if (named != null) {
            return named;
        }
        if (runDir == null) {
            throw CommandException.usage("which journal? give its DIR, or --run-dir DIR, or set PVI_RUN_DIR");
        }
        return runDir.resolve(RunFiles.JOURNAL);
    }

    Output output() {
        return output;
    }

    PrintWriter out() {
        return spec.commandLine().getOut();
    }

    /** One object: as a table of names and values, or as JSON. */
    void print(Map<String, ? extends @Nullable Object> object) {
        if (output == Output.table) {
            print(List.of("WHAT", "VALUE"), Table.pairs(object));
        } else {
            out().println(Json.write(object));
        }
        out().flush();
    }

    void print(List<String> header, List<List<String>> rows) {
        out().print(Table.format(header, rows));
        out().flush();
    }

    /** What is said of a damage: always the file and the first record that cannot be trusted. */
    static String damage(String segment, long sequence, String what) {
        return "the journal is damaged: segment=" + segment + " first bad record="
                + (sequence == 0 ? "none, all segments are in doubt" : sequence) + ": "
                + what.replaceFirst("^journal damaged: file=\\S+( sequence=\\d+)?: ", "");
    }
}
