package org.pviommu.server.records;

import java.util.Locale;
import org.pviommu.abi.IommuStatus;
import org.pviommu.server.Text;

/**
 * Which statuses of operations somebody wants.
 *
 * @param first lowest, inclusive
 * @param last highest, inclusive
 */
public record StatusTest(int first, int last) {
    private static final int LOWEST = -255;

    /**
     * Reads {@code ok}, {@code failed}, a number like {@code -22}, or a name like {@code EINVAL}.
     *
     * @throws IllegalArgumentException for anything else
     */
    public static StatusTest parse(String text) {
        return switch (text) {
            case "ok" -> new StatusTest(0, 0);
            case "failed" -> new StatusTest(LOWEST, -1);
            default -> one(text);
        };
    }

    private static StatusTest one(String text) {
        String wanted = text.toUpperCase(Locale.ROOT);
        for (int status = 0; status >= LOWEST; status--) {
            if (wanted.equals(IommuStatus.name(status)) || text.equals(Integer.toString(status))) {
                return new StatusTest(status, status);
            }
        }
        throw new IllegalArgumentException(
                "status=" + Text.quote(text) + " is not ok, failed, a name like EINVAL, or a number of -255 to 0");
    }

    /** Of requests to virtio-iommu devices, whose statuses are others: whether they went well, which is all that is asked. */
    boolean acceptsRequest(int status) {
        return status == 0 ? accepts(0) : first == LOWEST;
    }

    boolean accepts(int status) {
        return status >= first && status <= last;
    }
}
