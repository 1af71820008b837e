package org.pviommu.server;

import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import org.pviommu.server.cli.PviCommand;

/** Where {@code pvi} starts. */
public final class Main {
    private Main() {}

    /** Runs one command and ends the process with its exit code. */
    public static void main(String[] args) {
        PrintWriter out = new PrintWriter(System.out, true, StandardCharsets.UTF_8);
        PrintWriter err = new PrintWriter(System.err, true, StandardCharsets.UTF_8);
        System.exit(PviCommand.run(out, err, args));
    }
}
