package org.pviommu.fuzz;

import java.util.Base64;
import org.jspecify.annotations.Nullable;

/** An input that broke a rule: says which bytes they were and how to run them again. */
public final class Finding extends AssertionError {
    private static final long serialVersionUID = 1;

    private Finding(String target, String base64, Throwable cause) {
        super(
                "target=" + target + " base64=" + base64 + "\nagain: ./pvi test -pl pv-iommu-service/fuzz-tests -am"
                        + " -Dtest=CorpusTest -Dsurefire.failIfNoSpecifiedTests=false -Dfuzz.target=" + target
                        + " -Dfuzz.input=" + base64 + "\n" + cause,
                cause);
    }

    /** What may fail, whatever it is that it throws. */
    @FunctionalInterface
    public interface Body {
        /** Runs it. */
        void run() throws Exception;
    }

    /** Runs one input of {@code target}; any way to fail becomes a finding. */
    @SuppressWarnings("CatchingUnchecked") // an error of the virtual machine is a finding, too
    public static void guard(String target, byte[] bytes, Body body) {
        try {
            body.run();
        } catch (Throwable e) {
            throw new Finding(target, Base64.getEncoder().encodeToString(bytes), e);
        }
    }

    /** Fails unless {@code condition} holds. */
    @SuppressWarnings("AnnotateFormatMethod") // the annotation would be a library of its own
    public static void check(boolean condition, String format, @Nullable Object... arguments) {
        if (!condition) {
            throw new IllegalStateException(String.format(format, arguments));
        }
    }
}
