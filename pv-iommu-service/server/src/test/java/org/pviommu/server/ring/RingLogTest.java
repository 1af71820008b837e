package org.pviommu.server.ring;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.System.Logger;
import java.util.ArrayList;
import java.util.List;
import java.util.ResourceBundle;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class RingLogTest {
    private static final long SECOND_NS = 1_000_000_000L;

    /** Keeps the lines. */
    private static final class Lines implements Logger {
        final List<String> lines = new ArrayList<>();

        @Override
        public String getName() {
            return "test";
        }

        @Override
        public boolean isLoggable(Level level) {
            return true;
        }

        @Override
        public void log(Level level, @Nullable ResourceBundle bundle, String text, @Nullable Throwable thrown) {
            lines.add(level + " " + text + (thrown == null ? "" : " " + thrown.getMessage()));
        }

        @Override
        public void log(Level level, @Nullable ResourceBundle bundle, String format, @Nullable Object... params) {
            lines.add(level + " " + format);
        }
    }

    @Test
    void shouldBoundItsLinesAndSayHowManyAreMissing() {
        Lines lines = new Lines();
        AtomicLong nowNs = new AtomicLong(Long.MAX_VALUE - SECOND_NS / 2); // the clock's number may wrap
        RingLog log = new RingLog(lines, nowNs::get);
        for (int i = 0; i < 1_000; i++) {
            log.warning("line " + i);
        }
        assertEquals(50, lines.lines.size());
        assertEquals("WARNING line 49", lines.lines.getLast());
        nowNs.addAndGet(SECOND_NS);
        log.warning("later");
        log.warning("too much again");
        assertEquals(51, lines.lines.size());
        assertEquals("WARNING later (left out before this line: 950)", lines.lines.getLast());
    }

    @Test
    void levelsShouldNotSilenceOneAnother() {
        Lines lines = new Lines();
        RingLog log = new RingLog(lines, () -> 0);
        for (int i = 0; i < 1_000; i++) {
            log.info("chatter");
        }
        log.error("broken", new IllegalStateException("why"));
        assertEquals("ERROR broken why", lines.lines.getLast());
        assertEquals(51, lines.lines.size());
    }
}
