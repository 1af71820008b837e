package org.pviommu.server.demo;

import java.util.List;

/**
 * The guest of the demonstration: 1 GiB at frame 0, mapped 1:1, with one range of each kind that a device must not
 * reach. Ranges are inclusive. All begin at multiples of a batch, so a batch is wholly inside or outside.
 */
final class Layout {
    static final int GUEST = 1;
    static final String ENDPOINT = "0001:00:01.0";
    static final int BATCH = 128;
    static final long PAGES = 1L << 18;

    /** Frames that belong to the hypervisor: two batches. */
    static final long RESERVED_FIRST = 0x1000;

    static final long RESERVED_LAST = 0x10ff;

    /** Mapped for reading only. */
    static final long READ_ONLY_FIRST = 0x2000;

    static final long READ_ONLY_LAST = 0x200f;

    /** Bus frames where a write is an interrupt. */
    static final long MSI_FIRST = 0xfee00;

    static final long MSI_LAST = 0xfeeff;

    /** Where the guest exchanges mappings under the device. */
    static final long PLAYGROUND = 0x8000;

    /** Beyond the guest's memory: nobody maps it. */
    static final long UNMAPPED = PAGES + 0x100;

    /** The end of the aperture, 39-bit bus addresses. */
    static final long LAST_BFN = (1L << 27) - 1;

    private Layout() {}

    /** Configuration of the service. */
    static String configuration() {
        return """
                backend:
                  simulated:
                    last-bfn: 0x%x
                guests:
                  default:
                    enabled: false
                  %d:
                    enabled: true
                    reserved-mfns: ["0x%x-0x%x"]
                    endpoints:
                      - id: "%s"
                        reserved:
                          - {first: 0x%x, last: 0x%x, kind: msi}
                """.formatted(LAST_BFN, GUEST, RESERVED_FIRST, RESERVED_LAST, ENDPOINT, MSI_FIRST, MSI_LAST);
    }

    /** Command line of the guest. */
    static List<String> guestCommand(String program, String ring, long loadOperations) {
        return List.of(
                program,
                "--socket",
                ring,
                "--guest",
                Integer.toString(GUEST),
                "--memory",
                "1G",
                "--batch",
                Integer.toString(BATCH),
                "--fill",
                "default",
                "--read-only",
                range(READ_ONLY_FIRST, READ_ONLY_LAST),
                "--reserved-mfn",
                range(RESERVED_FIRST, RESERVED_LAST),
                "--reserved-bfn",
                range(MSI_FIRST, MSI_LAST),
                "--bad-batch",
                "--load-ops",
                Long.toString(loadOperations),
                "--interactive",
                "--json");
    }

    private static String range(long first, long last) {
        return "0x" + Long.toHexString(first) + "-0x" + Long.toHexString(last);
    }

    static boolean isReserved(long mfn) {
        return mfn >= RESERVED_FIRST && mfn <= RESERVED_LAST;
    }
}
