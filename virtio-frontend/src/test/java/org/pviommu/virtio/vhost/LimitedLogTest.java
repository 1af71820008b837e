package org.pviommu.virtio.vhost;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class LimitedLogTest {
    private static final long SECOND_NS = 1_000_000_000L;

    private final List<String> lines = new ArrayList<>();
    private long nowNs = Long.MAX_VALUE - SECOND_NS; // the clock's number wraps on the way
    private final LimitedLog log = new LimitedLog(
            new VhostLog() {
                @Override
                public void info(String message) {
                    lines.add("i " + message);
                }

                @Override
                public void warning(String message) {
                    lines.add("w " + message);
                }

                @Override
                public void error(String message, Throwable cause) {
                    lines.add("e " + message + " " + cause.getMessage());
                }
            },
            () -> nowNs);

    @Test
    void shouldPassABurstAndThenOneLineASecond() {
        for (int i = 0; i < 1000; i++) {
            log.warning("peer");
        }
        assertEquals(LimitedLog.BURST, lines.size());
        nowNs += SECOND_NS - 1;
        log.warning("early");
        assertEquals(LimitedLog.BURST, lines.size());
        nowNs += 1;
        log.warning("next");
        log.warning("too many");
        assertEquals(LimitedLog.BURST + 1, lines.size());
        assertEquals("w next (left out before: 951)", lines.getLast());
        nowNs += 2 * SECOND_NS;
        log.warning("again");
        log.warning("and again");
        assertEquals("w again (left out before: 1)", lines.get(LimitedLog.BURST + 1));
        assertEquals("w and again", lines.getLast());
    }

    @Test
    void shouldCountEachLevelByItself() {
        for (int i = 0; i < 100; i++) {
            log.warning("peer");
        }
        log.info("left");
        log.error("ours", new IllegalStateException("why"));
        assertEquals(List.of("i left", "e ours why"), lines.subList(LimitedLog.BURST, lines.size()));
    }

    @Test
    void shouldSaveUpNoMoreThanABurst() {
        log.info("first");
        nowNs += 100_000 * SECOND_NS;
        for (int i = 0; i < 1000; i++) {
            log.info("peer");
        }
        assertEquals(1 + LimitedLog.BURST, lines.size());
    }
}
