package org.pviommu.journal.record;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.pviommu.journal.Seed;

class RecordReaderTest {
    private final MemorySegment buffer = MemorySegment.ofArray(new byte[4096]);
    private final RecordWriter writer = new RecordWriter(buffer);

    private RecordReader written() {
        return new RecordReader(buffer.asSlice(0, writer.lengthBytes()));
    }

    @Test
    void shouldReadNumbersOfEachLength() {
        Random random = new Random(Seed.of("RecordReaderTest", 0));
        for (int round = 0; round < 2000; round++) {
            long value = round < 64 ? 1L << round : random.nextLong() >>> random.nextInt(64);
            writer.restart();
            writer.putVarint(value);
            writer.putVarint(value - 1);
            writer.putSigned(value);
            writer.putSigned(-value);
            writer.putLong(value);
            RecordReader in = written();

            assertEquals(value, in.getVarint());
            assertEquals(value - 1, in.getVarint());
            assertEquals(value, in.getSigned());
            assertEquals(-value, in.getSigned());
            assertEquals(value, in.getLong());
            in.requireEnd();
        }
    }

    @Test
    void shouldTakeTenBytesAtMost() {
        writer.putVarint(-1);

        assertEquals(RecordWriter.MAX_VARINT_BYTES, writer.lengthBytes());
    }

    @Test
    void shouldRefuseANumberThatDoesNotEnd() {
        buffer.asSlice(0, 100).fill((byte) 0xff);

        RecordReader in = new RecordReader(buffer.asSlice(0, 100));

        assertThrows(BadRecordException.class, in::getVarint);
    }

    /** The tenth byte has room for one bit only; more would be lost without a word. */
    @Test
    void shouldRefuseANumberBeyond64Bits() {
        buffer.asSlice(0, 9).fill((byte) 0x80);
        buffer.set(java.lang.foreign.ValueLayout.JAVA_BYTE, 9, (byte) 2);

        RecordReader in = new RecordReader(buffer.asSlice(0, 10));

        assertThrows(BadRecordException.class, in::getVarint);
    }

    @Test
    void shouldRefuseACountBeyondItsLimitWithBoth() {
        writer.putVarint(-1);
        writer.putVarint(5);
        RecordReader in = written();

        String message = String.valueOf(assertThrows(BadRecordException.class, () -> in.getCount("things", 4))
                .getMessage());
        assertTrue(message.contains("things=18446744073709551615") && message.contains("max=4"), message);
        assertThrows(BadRecordException.class, () -> in.getCount("things", 4));
    }

    @Test
    void shouldRefuseToReadBeyondTheEnd() {
        writer.putByte(1);
        RecordReader in = written();

        assertThrows(BadRecordException.class, in::getLong);
        assertEquals(1, in.getByte());
        assertThrows(BadRecordException.class, in::getByte);
        assertThrows(BadRecordException.class, in::getVarint);
    }

    @Test
    void shouldRefuseTextThatIsCutOffOrTooLong() {
        writer.putVarint(10);
        writer.putByte('a');
        assertThrows(BadRecordException.class, written()::getString);

        writer.restart();
        writer.putVarint(RecordWriter.MAX_STRING_BYTES + 1);
        for (int i = 0; i <= RecordWriter.MAX_STRING_BYTES; i++) {
            writer.putByte('a');
        }
        assertThrows(BadRecordException.class, written()::getString);
    }

    @Test
    void shouldRefuseWhatFollowsTheEnd() {
        writer.putByte(1);
        writer.putByte(2);
        RecordReader in = written();
        in.getByte();

        assertThrows(BadRecordException.class, in::requireEnd);
    }
}
