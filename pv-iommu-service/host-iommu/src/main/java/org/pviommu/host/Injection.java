package org.pviommu.host;

/** What a {@link FaultInjectingIommu} does to a call. */
sealed interface Injection {
    /** The wrapped host is not called; the caller is told this. */
    record Fail(int errno) implements Injection {
        public Fail {
            if (errno == 0) {
                throw new IllegalArgumentException("errno=0 is success");
            }
        }
    }

    /** An unmap removes at most this many of the leading pages. */
    record Shorten(long maxPages) implements Injection {
        public Shorten {
            if (maxPages < 1) {
                throw new IllegalArgumentException("maxPages=" + maxPages + " min=1");
            }
        }
    }

    /** An unmap removes up to this many pages more than asked for, as far as they are mapped. */
    record Extend(long maxExtraPages) implements Injection {
        public Extend {
            if (maxExtraPages < 1) {
                throw new IllegalArgumentException("maxExtraPages=" + maxExtraPages + " min=1");
            }
        }
    }

    /** Something of the test's happens first, for instance waiting; then the call takes its course. */
    record Before(Runnable action) implements Injection {}

    /** The call takes its course. */
    record None() implements Injection {}
}
