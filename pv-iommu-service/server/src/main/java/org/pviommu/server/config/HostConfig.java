package org.pviommu.server.config;

import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;
import org.pviommu.engine.HostCapabilities;

/**
 * Which host IOMMU is programmed, and what can be chosen about it.
 *
 * @param kind which one
 * @param lastBfn simulated only: the aperture is bus frames {@code [0, lastBfn]}
 * @param cutsMappings simulated only: whether a page can be taken out of a larger mapping
 * @param remaps vfio-type1 only: whether that is done by removing the mapping and making it again around the page, during which its
 *     neighbours are unmapped for a moment
 */
public record HostConfig(Kind kind, long lastBfn, boolean cutsMappings, boolean remaps) {

    /** 39-bit bus addresses, the smallest aperture of VT-d hardware in use: a driver that fits here fits everywhere. */
    public static final long DEFAULT_LAST_BFN = (1L << 27) - 1;

    /** The backends. */
    public enum Kind {
        /** In software, with simulated devices. */
        SIMULATED,
        /** The kernel's, by /dev/iommu. */
        IOMMUFD,
        /** The kernel's, by VFIO groups and containers. */
        VFIO_TYPE1;

        /** As the configuration and the command line write it. */
        public String text() {
            return name().toLowerCase(Locale.ROOT).replace('_', '-');
        }

        /** All spellings, for messages. */
        public static String known() {
            return Arrays.stream(values()).map(Kind::text).collect(Collectors.joining(", "));
        }

        /**
         * The kind that is written {@code text}.
         *
         * @throws IllegalArgumentException naming the known ones
         */
        public static Kind of(String text) {
            for (Kind kind : values()) {
                if (kind.text().equals(text)) {
                    return kind;
                }
            }
            throw new IllegalArgumentException("host=" + text + " known: " + known());
        }
    }

    /** Refuses an aperture that the engine cannot hold. */
    public HostConfig {
        if (lastBfn > HostCapabilities.MAX_LAST_BFN) {
            throw new IllegalArgumentException("lastBfn=" + lastBfn + " max=" + HostCapabilities.MAX_LAST_BFN);
        }
    }

    /** The simulated host. */
    public static HostConfig simulated(long lastBfn, boolean cutsMappings) {
        return new HostConfig(Kind.SIMULATED, lastBfn, cutsMappings, false);
    }

    /** Whether devices are real, and endpoints PCI addresses of this machine. */
    public boolean isKernel() {
        return kind != Kind.SIMULATED;
    }

    /** The same of another kind. */
    public HostConfig of(Kind newKind) {
        return new HostConfig(newKind, lastBfn, cutsMappings, remaps);
    }
}
