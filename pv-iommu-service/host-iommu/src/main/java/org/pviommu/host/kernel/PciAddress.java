package org.pviommu.host.kernel;

import java.util.Locale;

/** The name of an endpoint in sysfs: {@code 0000:01:00.0}. An endpoint id is segment &lt;&lt; 16 plus bus, device, function. */
final class PciAddress {
    private PciAddress() {}

    static String of(int endpointId) {
        return String.format(
                Locale.ROOT,
                "%04x:%02x:%02x.%x",
                endpointId >>> 16,
                endpointId >>> 8 & 0xff,
                endpointId >>> 3 & 0x1f,
                endpointId & 7);
    }
}
