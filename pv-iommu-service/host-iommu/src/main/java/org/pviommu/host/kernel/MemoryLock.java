package org.pviommu.host.kernel;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.pviommu.engine.HostIommuException;
import org.pviommu.natives.Errno;

/**
 * How much memory this process may pin. Mapped memory is pinned and counted against RLIMIT_MEMLOCK: by iommufd per user, over all
 * processes; by type1 per process, a page that is mapped twice counting twice.
 *
 * @param limitBytes the soft limit; {@link Long#MAX_VALUE} when there is none
 * @param exempt whether the process has CAP_IPC_LOCK, and the limit does not count
 */
public record MemoryLock(long limitBytes, boolean exempt) {
    /** For the service's own pages and for other processes of the same user. */
    static final long MARGIN_BYTES = 64L << 20;

    private static final String LIMIT_LINE = "Max locked memory";
    private static final String CAPABILITIES_LINE = "CapEff:";
    private static final int CAP_IPC_LOCK = 14;
    private static final int HEX = 16;

    /** Of this process, as /proc tells it. */
    public static MemoryLock current() {
        return of(lines("limits"), lines("status"));
    }

    static MemoryLock of(List<String> limits, List<String> status) {
        long limitBytes = 0;
        for (String line : limits) {
            if (line.startsWith(LIMIT_LINE)) {
                String soft = line.substring(LIMIT_LINE.length()).strip().split("\\s+", 2)[0];
                limitBytes = soft.equals("unlimited") ? Long.MAX_VALUE : Long.parseUnsignedLong(soft);
            }
        }
        boolean exempt = status.stream()
                .filter(line -> line.startsWith(CAPABILITIES_LINE))
                .map(line -> Long.parseUnsignedLong(
                        line.substring(CAPABILITIES_LINE.length()).strip(), HEX))
                .anyMatch(capabilities -> (capabilities >>> CAP_IPC_LOCK & 1) != 0);
        return new MemoryLock(limitBytes, exempt);
    }

    private static List<String> lines(String file) {
        try {
            return Files.readAllLines(Path.of("/proc/self", file));
        } catch (IOException unreadable) {
            return List.of(); // then there is no leave, and the message says so
        }
    }

    /** Whether {@code bytes} of mapped memory and the margin are allowed. */
    public boolean allows(long bytes) {
        // Compared by difference: the sum could overflow, and a limit below the margin allows nothing.
        return exempt || limitBytes == Long.MAX_VALUE || bytes <= limitBytes - MARGIN_BYTES;
    }

    /**
     * Checks before the start what would else fail in the middle of a guest's batch (catalogue D14).
     *
     * @throws HostIommuException ENOMEM, with the figure that is needed
     */
    public void require(long bytes) {
        if (!allows(bytes)) {
            throw new HostIommuException(
                    "memory lock limit limitBytes=" + limitBytes + " neededBytes=" + (bytes + MARGIN_BYTES)
                            + " (guests may map "
                            + bytes + ", margin " + MARGIN_BYTES + "): raise it (LimitMEMLOCK=" + (bytes + MARGIN_BYTES)
                            + " in the unit, or ulimit -l " + (bytes + MARGIN_BYTES) / 1024
                            + "), or lower guests.*.quotas.max-mapped-frames",
                    Errno.ENOMEM);
        }
    }
}
