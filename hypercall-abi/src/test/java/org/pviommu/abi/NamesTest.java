package org.pviommu.abi;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.util.HashSet;
import java.util.Locale;
import java.util.Set;
import org.junit.jupiter.api.Test;

class NamesTest {
    @Test
    void shouldNameEveryStatusByItsConstant() throws IllegalAccessException {
        Set<Integer> values = new HashSet<>();
        for (Field field : IommuStatus.class.getDeclaredFields()) {
            if (Modifier.isPublic(field.getModifiers())) {
                int status = field.getInt(null);
                assertEquals(field.getName(), IommuStatus.name(status));
                assertTrue(values.add(status), "one meaning per number: " + field.getName());
            }
        }
        assertEquals(15, values.size());
    }

    @Test
    void shouldNotInventNames() {
        assertEquals("status -77", IommuStatus.name(-77));
        assertEquals("3", IommuStatus.name(3));
        // Cut to 32 bits this would be 0, that is, OK.
        assertEquals("status " + Long.MIN_VALUE, IommuStatus.name(Long.MIN_VALUE));
        assertEquals("status " + Integer.MIN_VALUE, IommuStatus.name(Integer.MIN_VALUE));
    }

    @Test
    void shouldNameEverySubOperationByItsConstant() throws ReflectiveOperationException {
        for (int subOp = 0; subOp <= IommuOp.SUBOP_MASK; subOp++) {
            String name = IommuOp.name(subOp);
            if (IommuOp.isKnown(subOp)) {
                assertEquals(
                        subOp,
                        IommuOp.class.getField(name.toUpperCase(Locale.ROOT)).getInt(null));
            } else {
                assertEquals("subop " + subOp, name);
            }
            boolean hasArray = IommuOp.isKnown(subOp) && subOp != IommuOp.FLUSH;
            assertEquals(hasArray, IommuOp.elementBytes(subOp) > 0, name);
        }
        assertFalse(IommuOp.isKnown(-1));
    }

    @Test
    void shouldWrapGenerations() {
        assertEquals(0, RingAbi.nextGeneration(RingAbi.SLOT_GENERATION_MASK));
        int last = RingAbi.word(RingAbi.SLOT_GENERATION_MASK, RingAbi.SLOT_READY);
        assertEquals(RingAbi.SLOT_GENERATION_MASK, RingAbi.generation(last));
        assertEquals(RingAbi.SLOT_READY, RingAbi.state(last));
    }

    @Test
    void shouldRoundRingMemoryUpToPages() {
        assertEquals(4096, RingAbi.ringBytes(1));
        assertEquals(4096, RingAbi.ringBytes(63));
        assertEquals(8192, RingAbi.ringBytes(RingAbi.MAX_SLOTS));
    }
}
