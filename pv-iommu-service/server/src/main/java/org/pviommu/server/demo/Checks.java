package org.pviommu.server.demo;

import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;

/** What the demonstration saw: one line per check, and the failures kept for the end. */
final class Checks {
    private final PrintWriter out;
    private final List<String> failures = new ArrayList<>();
    private int held;

    Checks(PrintWriter out) {
        this.out = out;
    }

    /** A heading for what comes. */
    void step(String what) {
        out.println();
        out.println(what);
        out.flush();
    }

    /** Something to know that is not a check. */
    void note(String text) {
        out.println("      " + text);
        out.flush();
    }

    /** Counts and prints one check; {@code seen} is said when it did not hold. */
    void check(String promise, boolean holds, String seen) {
        if (holds) {
            held++;
            out.println("  ok  " + promise);
        } else {
            failures.add(promise + ": " + seen);
            out.println("  !!  " + promise + ": " + seen);
        }
        out.flush();
    }

    /** The summary, whose last line tells the result; whether every check held and there was one at all. */
    boolean finish() {
        out.println();
        boolean good = failures.isEmpty() && held > 0;
        out.println(held + " checks held, " + failures.size() + " failed");
        for (String failure : failures) {
            out.println("seen: " + failure);
        }
        return good;
    }
}
