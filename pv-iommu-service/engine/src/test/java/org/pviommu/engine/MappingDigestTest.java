package org.pviommu.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HashSet;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

class MappingDigestTest {
    private static final long SALT = MappingDigest.salt(1, 0);

    @Test
    void shouldGiveTheSumOfItsPagesForARun() {
        Random random = new Random(Seed.of("MappingDigestTest", 0));
        for (int i = 0; i < 1000; i++) {
            long bfn = random.nextLong(1L << 36);
            long mfn = random.nextLong(1L << 40);
            int access = 1 + 2 * random.nextInt(2);
            int pages = 1 + random.nextInt(700);

            long pageByPage = 0;
            for (int page = 0; page < pages; page++) {
                pageByPage += MappingDigest.run(SALT, bfn + page, mfn + page, access, 1);
            }

            assertEquals(pageByPage, MappingDigest.run(SALT, bfn, mfn, access, pages));
        }
    }

    /** n (n - 1) does not fit into 64 bits here. */
    @Test
    void shouldCloseTheFormForTheLongestRuns() {
        long all = (1L << 36) - 1;
        long head = MappingDigest.run(SALT, 5, 9, 3, 1L << 35);
        long tail = MappingDigest.run(SALT, 5 + (1L << 35), 9 + (1L << 35), 3, all - (1L << 35));

        assertEquals(head + tail, MappingDigest.run(SALT, 5, 9, 3, all));
    }

    @Test
    void shouldTellApartWhatDiffersInOneThing() {
        Set<Long> seen = new HashSet<>();
        for (int guest = 0; guest < 3; guest++) {
            for (int context = 0; context < 3; context++) {
                long salt = MappingDigest.salt(guest, context);
                for (int bit = 0; bit < 36; bit++) {
                    assertTrue(seen.add(MappingDigest.run(salt, 1L << bit, 0, 3, 1)), "bfn bit " + bit);
                    assertTrue(seen.add(MappingDigest.run(salt, 0, 1L << bit, 3, 1)), "mfn bit " + bit);
                    assertTrue(seen.add(MappingDigest.run(salt, 1L << bit, 1L << bit, 1, 1)), "access " + bit);
                }
            }
        }
    }

    @Test
    void shouldNoticeTwoFramesUpTo4TiBApartThatChangedPlaces() {
        for (int apart = 0; apart <= 30; apart++) {
            long straight =
                    MappingDigest.run(SALT, 0, 7, 3, 1) + MappingDigest.run(SALT, 1L << apart, 7 + (1L << apart), 3, 1);
            long crossed =
                    MappingDigest.run(SALT, 0, 7 + (1L << apart), 3, 1) + MappingDigest.run(SALT, 1L << apart, 7, 3, 1);

            assertTrue(straight != crossed, "apart=2^" + apart);
        }
    }
}
