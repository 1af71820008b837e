package org.pviommu.systemtests.mutants;

/**
 * A seeded bug.
 *
 * @param id M01..M12 as in the fault catalogue, or G01.. for several guests, their grants and their deaths
 * @param what the bug, for people
 * @param sourceFile the engine's class it is in
 * @param original text that stands exactly once in that file
 * @param replacement what the bug makes of it
 */
public record Mutant(String id, String what, String sourceFile, String original, String replacement) {

    /** The bug in the text of its source file. */
    String plantedIn(String source) {
        int first = source.indexOf(original);
        if (first < 0 || source.indexOf(original, first + 1) >= 0) {
            throw new IllegalStateException(id + ": must stand exactly once in " + sourceFile + ": " + original);
        }
        return source.replace(original, replacement);
    }

    @Override
    public String toString() {
        return id + " " + what;
    }
}
