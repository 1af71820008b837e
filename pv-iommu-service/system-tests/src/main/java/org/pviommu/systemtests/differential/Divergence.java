package org.pviommu.systemtests.differential;

import org.jspecify.annotations.Nullable;

/** The engine and the model disagree, or an invariant is broken. The message says where; the run adds seed and operation. */
final class Divergence extends AssertionError {
    private static final long serialVersionUID = 1L;

    Divergence(String message) {
        super(message);
    }

    static <T> T found(@Nullable T value, String message) {
        if (value == null) {
            throw new Divergence(message);
        }
        return value;
    }

    @SuppressWarnings("AnnotateFormatMethod") // the annotation would be a dependency for one method
    static void check(boolean holds, String message, @Nullable Object... arguments) {
        if (!holds) {
            throw new Divergence(String.format(message, arguments));
        }
    }
}
