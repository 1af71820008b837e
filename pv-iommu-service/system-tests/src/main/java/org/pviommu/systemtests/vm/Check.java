package org.pviommu.systemtests.vm;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Assertions for programs without a test framework. */
final class Check {
    private Check() {}

    static void that(boolean holds, String otherwise) {
        if (!holds) {
            throw new AssertionError(otherwise);
        }
    }

    static void equal(@Nullable Object expected, @Nullable Object actual, String what) {
        that(Objects.equals(expected, actual), what + ": expected=" + expected + " actual=" + actual);
    }

    static void exists(Path file) {
        that(Files.exists(file), "there is no " + file);
    }
}
