package org.pviommu.abi;

import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * Field layouts of the wire: little-endian, whatever the host is, and naturally aligned, so that one access is one
 * machine access and a concurrent reader never sees half a field.
 */
final class WireLayout {
    static final ValueLayout.OfShort U16 = ValueLayout.JAVA_SHORT.withOrder(ByteOrder.LITTLE_ENDIAN);
    static final ValueLayout.OfInt U32 = ValueLayout.JAVA_INT.withOrder(ByteOrder.LITTLE_ENDIAN);
    static final ValueLayout.OfLong U64 = ValueLayout.JAVA_LONG.withOrder(ByteOrder.LITTLE_ENDIAN);

    private WireLayout() {}
}
