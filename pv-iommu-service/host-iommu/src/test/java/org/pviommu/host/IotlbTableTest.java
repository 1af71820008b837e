package org.pviommu.host;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.pviommu.engine.Access;
import org.pviommu.host.contract.ArenaMemory;

class IotlbTableTest {
    private static final ArenaMemory MEMORY = new ArenaMemory(1);

    @Test
    void shouldKeepTheOlderEntryOfABusFrame() {
        IotlbTable table = new IotlbTable(10);
        assertTrue(table.fill(entry(5, 1)));

        assertFalse(table.fill(entry(5, 2)));
        assertTrue(table.fill(entry(5, 1)));

        assertEquals(entry(5, 1), table.find(5));
        assertEquals(1, table.size());
    }

    @Test
    void shouldTakeNoMoreWhenFullAndEvictNothing() {
        IotlbTable table = new IotlbTable(100);
        for (int bfn = 0; bfn < 100; bfn++) {
            assertTrue(table.fill(entry(bfn, bfn)));
        }

        assertFalse(table.fill(entry(100, 100)));

        assertNull(table.find(100));
        for (int bfn = 0; bfn < 100; bfn++) {
            assertEquals(entry(bfn, bfn), table.find(bfn));
        }
        table.removeRange(7, 7);
        assertTrue(table.fill(entry(100, 100)));
    }

    @Test
    void shouldAgreeWithAHashMap() {
        SplittableRandom random = RandomTest.random("IotlbTableTest.shouldAgreeWithAHashMap");
        IotlbTable table = new IotlbTable(3000);
        Map<Long, IotlbEntry> model = new HashMap<>();
        long ops = RandomTest.ops() / 8;
        for (long op = 0; op < ops; op++) {
            step(random, table, model);
            assertEquals(model.size(), table.size(), "op=" + op);
            long bfn = random.nextLong(4096);
            assertEquals(model.get(bfn), table.find(bfn), "op=" + op);
            if (op % 1024 == 0) {
                assertEquals(new HashSet<>(model.values()), new HashSet<>(table.entries()), "op=" + op);
            }
        }
    }

    private static void step(SplittableRandom random, IotlbTable table, Map<Long, IotlbEntry> model) {
        long bfn = random.nextLong(4096);
        int kind = random.nextInt(10_000);
        if (kind == 0) {
            table.clear();
            model.clear();
        } else if (kind < 10) {
            table.removeRange(bfn, 4096);
            model.keySet().removeIf(key -> key >= bfn);
        } else if (kind < 2000) {
            long lastBfn = bfn + random.nextInt(4);
            table.removeRange(bfn, lastBfn);
            model.keySet().removeIf(key -> key >= bfn && key <= lastBfn);
        } else {
            IotlbEntry entry = entry(bfn, random.nextInt(1000));
            boolean room = model.size() < 3000;
            if (table.fill(entry)) {
                model.putIfAbsent(bfn, entry);
                assertEquals(entry, model.get(bfn));
            } else {
                assertTrue(!room || model.containsKey(bfn), "refused with room");
            }
        }
    }

    private static IotlbEntry entry(long bfn, long frame) {
        return new IotlbEntry(1, bfn, MEMORY, frame * 4096, Access.READ_WRITE);
    }
}
