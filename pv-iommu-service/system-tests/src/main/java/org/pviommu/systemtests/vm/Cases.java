package org.pviommu.systemtests.vm;

import java.io.PrintStream;
import java.util.regex.Pattern;

/**
 * Runs named cases and reports each by a line on standard output, which nothing else writes to:
 *
 * <pre>
 * case NAME ok
 * case NAME FAILED what was wrong, in one line
 * </pre>
 *
 * <p>A case that fails does not stop the next one. The stack trace goes to standard error.
 */
final class Cases {
    private static final Pattern SPACE = Pattern.compile("\\s+");

    private final PrintStream out;
    private int failed;
    private int run;

    Cases(PrintStream out) {
        this.out = out;
    }

    /** What a case does; it fails by throwing. */
    @FunctionalInterface
    interface Body {
        /** Anything thrown is the case's failure. */
        void run() throws Exception;
    }

    /** Runs a case; its name has no spaces. */
    void run(String name, Body body) {
        run++;
        try {
            body.run();
            out.println("case " + name + " ok");
        } catch (Exception | AssertionError wrong) {
            failed++;
            wrong.printStackTrace();
            out.println("case " + name + " FAILED "
                    + SPACE.matcher(wrong.toString()).replaceAll(" "));
        }
        out.flush();
    }

    /** 0 when there were cases and all held, 1 otherwise. */
    int exitCode() {
        return run > 0 && failed == 0 ? 0 : 1;
    }
}
