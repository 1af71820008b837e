package org.pviommu.server.topology;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/**
 * The ACPI table VIOT, revision 0: a header, and nodes that refer to each other by their offset in the table. Here the first node is
 * the virtio-iommu and the others are what is behind it.
 */
public final class Viot {
    private static final int HEADER_BYTES = 48;
    private static final int IOMMU_NODE_BYTES = 16;
    private static final int RANGE_NODE_BYTES = 24;

    private static final int LENGTH_AT = 4;
    private static final int CHECKSUM_AT = 9;
    private static final int NODE_COUNT_AT = 36;

    private static final byte PCI_RANGE = 1;
    private static final byte VIRTIO_IOMMU_PCI = 3;

    private static final String OEM = "PVIOMU";
    private static final String OEM_TABLE = "PVIOMMU ";
    private static final String CREATOR = "PVI ";

    private Viot() {}

    /** The whole table, as QEMU's {@code -acpitable file=} takes it. */
    public static byte[] table(Topology topology) {
        int lengthBytes = HEADER_BYTES
                + IOMMU_NODE_BYTES
                + RANGE_NODE_BYTES * topology.ranges().size();
        ByteBuffer table = ByteBuffer.allocate(lengthBytes).order(ByteOrder.LITTLE_ENDIAN);
        putHeader(table, 1 + topology.ranges().size());
        putIommu(table, topology.iommu());
        topology.ranges().forEach(range -> putRange(table, range));
        table.put(CHECKSUM_AT, (byte) -sum(table.array()));
        return table.array();
    }

    private static void putHeader(ByteBuffer table, int nodes) {
        putText(table, "VIOT");
        table.putInt(LENGTH_AT, table.capacity()).position(LENGTH_AT + Integer.BYTES);
        table.put((byte) 0).put((byte) 0); // revision; checksum, which comes last
        putText(table, OEM);
        putText(table, OEM_TABLE);
        table.putInt(1);
        putText(table, CREATOR);
        table.putInt(1);
        // Topology.MAX_RANGES keeps the count within 16 bits.
        table.putShort(NODE_COUNT_AT, (short) nodes).putShort(NODE_COUNT_AT + Short.BYTES, (short) HEADER_BYTES);
        table.position(HEADER_BYTES);
    }

    private static void putText(ByteBuffer table, String text) {
        table.put(text.getBytes(StandardCharsets.US_ASCII));
    }

    private static void putIommu(ByteBuffer table, int iommu) {
        table.put(VIRTIO_IOMMU_PCI).put((byte) 0).putShort((short) IOMMU_NODE_BYTES);
        table.putShort((short) EndpointRange.segment(iommu)).putShort((short) EndpointRange.bdf(iommu));
        table.putLong(0);
    }

    private static void putRange(ByteBuffer table, EndpointRange range) {
        short segment = (short) EndpointRange.segment(range.first());
        table.put(PCI_RANGE).put((byte) 0).putShort((short) RANGE_NODE_BYTES);
        table.putInt(range.firstEndpoint());
        table.putShort(segment).putShort(segment);
        table.putShort((short) EndpointRange.bdf(range.first())).putShort((short) EndpointRange.bdf(range.last()));
        table.putShort((short) HEADER_BYTES); // what serves it: the first node
        table.putShort((short) 0).putInt(0);
    }

    /** Of an ACPI table it is 0, modulo 256. */
    static int sum(byte[] table) {
        int sum = 0;
        for (byte each : table) {
            sum += each;
        }
        return sum;
    }
}
