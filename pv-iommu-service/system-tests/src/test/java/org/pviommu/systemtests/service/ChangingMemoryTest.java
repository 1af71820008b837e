package org.pviommu.systemtests.service;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.pviommu.abi.IommuMapOp;
import org.pviommu.abi.IommuOp;
import org.pviommu.abi.IommuStatus;
import org.pviommu.systemtests.service.Rest.Reach;

/**
 * A guest that rewrites its operations while the service works on them gets what it could have got by writing the same in
 * time, and nothing else: what is checked is what is used.
 */
class ChangingMemoryTest {
    private static final int GUEST = 1;
    private static final long FIRST_MFN = 0x1000;
    private static final int PAGES = 1024;
    private static final long LAST_MFN = FIRST_MFN + PAGES - 1;

    /** The hypervisor's, within the guest's memory; inclusive. */
    private static final long FIRST_RESERVED_MFN = 0x1200;

    private static final long LAST_RESERVED_MFN = 0x12ff;

    /** Where a device's writes are interrupts; inclusive. */
    private static final long FIRST_RESERVED_BFN = 0x300;

    private static final long LAST_RESERVED_BFN = 0x3ff;

    /** Bus frames that get mapped are below. */
    private static final int BFNS = 2048;

    private static final long LAST_BFN = 0xffff;

    private static final String[] CONFIGURATION = {
        "backend: {simulated: {last-bfn: 0xffff}}",
        "guests:",
        "  1:",
        "    reserved-mfns: ['0x1200-0x12ff']",
        "    endpoints: [{id: '0000:01:00.0', reserved: [{first: 0x300, last: 0x3ff, kind: msi}]}]",
    };

    private static final int OPERATIONS = 4096;
    private static final int CALLS = 250;
    private static final int SAMPLES = 100;
    private static final Set<Integer> STATUSES = Set.of(
            IommuStatus.OK,
            IommuStatus.EPERM,
            IommuStatus.ENOENT,
            IommuStatus.ENXIO,
            IommuStatus.EINVAL,
            IommuStatus.ENOSPC,
            IommuStatus.ERANGE,
            IommuStatus.EADDRINUSE,
            IommuStatus.EADDRNOTAVAIL);

    @TempDir
    private Path directory;

    @Test
    void shouldUseWhatItCheckedWhenMemoryChangesDuringCall() {
        Random random = new Random(Guard.seed("shouldUseWhatItCheckedWhenMemoryChangesDuringCall"));
        try (ServiceProcess service = ServiceProcess.start(directory, CONFIGURATION);
                RingGuest guest = new RingGuest(service, GUEST, FIRST_MFN, PAGES)) {
            Mutator mutator = new Mutator(guest.operations(), random.nextLong());
            try (Background mutation = Background.repeat("mutator", mutator::spoilOne)) {
                for (int i = 0; i < CALLS; i++) {
                    makeCall(guest, mutator, random);
                    if (i % 50 == 0) {
                        requireAllowed(service.rest().mappings(GUEST));
                    }
                }
                mutation.end();
            }

            Map<Long, Reach> listed = service.rest().mappings(GUEST);
            assertFalse(listed.isEmpty());
            requireAllowed(listed);
            assertEquals(lookUpAll(guest), listed);
            assertEquals(listed.size(), service.rest().mappedPages(GUEST));
            requireTranslations(service, listed, random);
            service.requireHealthy();
        }
    }

    /** In every other call only inputs are rewritten: then every status that is found is the service's. */
    private static void makeCall(RingGuest guest, Mutator mutator, Random random) {
        int subOp = random.nextInt(3) == 0 ? IommuOp.UNMAP_PAGE : IommuOp.MAP_PAGE;
        boolean statusesToo = random.nextBoolean();
        mutator.leaveStatuses();
        for (int i = 0; i < OPERATIONS; i++) {
            guest.put(i, random.nextInt(BFNS), FIRST_MFN + random.nextInt(PAGES), RingGuest.READ_WRITE);
        }
        if (statusesToo) {
            mutator.rewriteStatuses();
        }

        guest.call(subOp, OPERATIONS);

        for (int i = 0; i < OPERATIONS && !statusesToo; i++) {
            int element = i;
            int status = guest.status(i);
            assertNotEquals(RingGuest.UNTOUCHED, status, () -> "element=" + element + " has no status");
            assertTrue(STATUSES.contains(status), () -> "element=" + element + " status=" + status);
        }
    }

    private static void requireAllowed(Map<Long, Reach> mappings) {
        mappings.forEach((bfn, reach) -> {
            long mfn = reach.mfn();
            String what = "bfn=0x" + Long.toHexString(bfn) + " " + reach;
            assertTrue(bfn >= 0 && bfn <= LAST_BFN, what);
            assertFalse(bfn >= FIRST_RESERVED_BFN && bfn <= LAST_RESERVED_BFN, what);
            assertTrue(mfn >= FIRST_MFN && mfn <= LAST_MFN, what);
            assertFalse(mfn >= FIRST_RESERVED_MFN && mfn <= LAST_RESERVED_MFN, what);
            assertTrue(Set.of("rw", "r-").contains(reach.access()), what);
        });
    }

    /** What lookup_page says about every bus frame of the aperture. */
    private static Map<Long, Reach> lookUpAll(RingGuest guest) {
        Map<Long, Reach> found = new TreeMap<>();
        for (long from = 0; from <= LAST_BFN; from += OPERATIONS) {
            for (int i = 0; i < OPERATIONS; i++) {
                guest.put(i, from + i, 0, 0);
            }
            guest.call(IommuOp.LOOKUP_PAGE, OPERATIONS);
            for (int i = 0; i < OPERATIONS; i++) {
                takeLookup(guest, i, from + i, found);
            }
        }
        return found;
    }

    private static void takeLookup(RingGuest guest, int index, long bfn, Map<Long, Reach> found) {
        long offset = (long) index * IommuMapOp.SIZE;
        if (guest.status(index) == IommuStatus.OK) {
            int flags = IommuMapOp.flags(guest.operations(), offset);
            found.put(
                    bfn,
                    new Reach(IommuMapOp.mfn(guest.operations(), offset), flags == RingGuest.READ_WRITE ? "rw" : "r-"));
        } else {
            assertEquals(IommuStatus.ENOENT, guest.status(index), () -> "bfn=" + bfn);
        }
    }

    private static void requireTranslations(ServiceProcess service, Map<Long, Reach> listed, Random random) {
        for (int i = 0; i < SAMPLES; i++) {
            long bfn = random.nextInt(BFNS);
            assertEquals(listed.get(bfn), service.rest().translate(GUEST, bfn), () -> "bfn=" + bfn);
        }
    }

    /** Rewrites operations with values that are wrong in many ways. Its own thread spoils, the caller's says how. */
    private static final class Mutator {
        private final MemorySegment operations;
        private final SplittableRandom random;
        private volatile boolean statuses;
        private volatile boolean writingStatus;

        Mutator(MemorySegment operations, long seed) {
            this.operations = operations;
            this.random = new SplittableRandom(seed);
        }

        void rewriteStatuses() {
            statuses = true;
        }

        /** Returns when no more statuses are written. */
        void leaveStatuses() {
            statuses = false;
            while (writingStatus) {
                Thread.onSpinWait();
            }
        }

        void spoilOne() {
            long offset = (long) random.nextInt(OPERATIONS) * IommuMapOp.SIZE;
            switch (random.nextInt(4)) {
                case 0 -> IommuMapOp.putBfn(operations, offset, bfn());
                case 1 -> IommuMapOp.putMfn(operations, offset, mfn());
                case 2 -> IommuMapOp.putFlags(operations, offset, random.nextInt(8));
                default -> rewriteStatus(offset);
            }
        }

        private void rewriteStatus(long offset) {
            writingStatus = true;
            if (statuses) {
                IommuMapOp.putStatus(operations, offset, random.nextInt());
            }
            writingStatus = false;
        }

        private long bfn() {
            return switch (random.nextInt(4)) {
                case 0 -> random.nextLong();
                case 1 -> FIRST_RESERVED_BFN + random.nextInt(256);
                default -> random.nextInt(BFNS);
            };
        }

        private long mfn() {
            return switch (random.nextInt(4)) {
                case 0 -> random.nextLong();
                case 1 -> FIRST_RESERVED_MFN + random.nextInt(256);
                case 2 -> LAST_MFN + 1 + random.nextInt(PAGES);
                default -> FIRST_MFN + random.nextInt(PAGES);
            };
        }
    }
}
