package org.pviommu.natives;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

class ErrnoTest {

    @Test
    void shouldNameNumbers() {
        assertEquals("EPERM", Errno.name(1));
        assertEquals("ENOMEM", Errno.name(Errno.ENOMEM));
        assertEquals("EHWPOISON", Errno.name(133));
    }

    @Test
    void shouldGiveNumberWhereThereIsNoName() {
        assertEquals("E0", Errno.name(0));
        assertEquals("E41", Errno.name(41));
        assertEquals("E134", Errno.name(134));
        assertEquals("E-1", Errno.name(-1));
    }

    @Test
    void shouldDescribeNumbers() {
        assertEquals("Cannot allocate memory", Errno.describe(Errno.ENOMEM));
        assertEquals("Unknown error 4711", Errno.describe(4711));
    }

    @Test
    void shouldTellCallReasonAndNumber() {
        NativeException thrown = new NativeException("mmap lengthBytes=4096", Errno.ENOMEM);

        assertEquals("mmap lengthBytes=4096: Cannot allocate memory (errno=12 ENOMEM)", thrown.getMessage());
        assertEquals("mmap lengthBytes=4096", thrown.call());
        assertEquals(12, thrown.errno());
    }
}
