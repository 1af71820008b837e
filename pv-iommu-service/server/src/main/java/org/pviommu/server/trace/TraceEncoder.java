package org.pviommu.server.trace;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/** Requests as a driver writes them, from the text of virtio 1.2 and not from our decoder. */
final class TraceEncoder {
    private static final int ATTACH = 1;
    private static final int DETACH = 2;
    private static final int MAP = 3;
    private static final int UNMAP = 4;
    private static final int PROBE = 5;

    private static final int ATTACHMENT_BYTES = 20;
    private static final int MAP_BYTES = 36;
    private static final int UNMAP_BYTES = 28;
    private static final int PROBE_BYTES = 72;

    private static final ValueLayout.OfInt U32 = ValueLayout.JAVA_INT.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong U64 = ValueLayout.JAVA_LONG.withOrder(ByteOrder.LITTLE_ENDIAN);

    private TraceEncoder() {}

    /** Writes the readable part; its length in bytes, 72 at most. */
    static int encode(TraceLine.Request request, MemorySegment into) {
        into.fill((byte) 0);
        return switch (request) {
            case TraceLine.Probe probe -> head(into, PROBE, probe.endpoint(), PROBE_BYTES);
            case TraceLine.Attach attach -> {
                into.set(U32, 8, attach.endpoint());
                into.set(U32, 12, attach.flags());
                yield head(into, ATTACH, attach.domain(), ATTACHMENT_BYTES);
            }
            case TraceLine.Detach detach -> {
                into.set(U32, 8, detach.endpoint());
                yield head(into, DETACH, detach.domain(), ATTACHMENT_BYTES);
            }
            case TraceLine.Map map -> {
                range(into, map.first(), map.last());
                into.set(U64, 24, map.target());
                into.set(U32, 32, map.flags());
                yield head(into, MAP, map.domain(), MAP_BYTES);
            }
            case TraceLine.Unmap unmap -> {
                range(into, unmap.first(), unmap.last());
                yield head(into, UNMAP, unmap.domain(), UNMAP_BYTES);
            }
        };
    }

    private static int head(MemorySegment into, int type, int subject, int lengthBytes) {
        into.set(ValueLayout.JAVA_BYTE, 0, (byte) type);
        into.set(U32, 4, subject);
        return lengthBytes;
    }

    private static void range(MemorySegment into, long first, long last) {
        into.set(U64, 8, first);
        into.set(U64, 16, last);
    }
}
