package org.pviommu.server.topology;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TopologyTest {
    /** A table that Linux 6.12 is known to accept: IOMMU at 00:02.0, endpoints 00:03.0 to 00:1f.7. Another vendor's. */
    private static final String ACCEPTED = """
            56 49 4f 54 58 00 00 00 00 29 4a 49 4f 4d 4d 55
            4a 49 4f 4d 4d 55 56 54 01 00 00 00 4a 41 56 41
            01 00 00 00 02 00 30 00 00 00 00 00 00 00 00 00
            03 00 10 00 00 00 10 00 00 00 00 00 00 00 00 00
            01 00 18 00 18 00 00 00 00 00 00 00 18 00 ff 00
            30 00 00 00 00 00 00 00""";

    private static final int CHECKSUM_AT = 9;
    private static final int IDENTITY_AT = 10;
    private static final int IDENTITY_END = 36;

    private static Topology topology(String iommu, String... ranges) {
        return new Topology(
                EndpointRange.function(iommu),
                Stream.of(ranges).map(EndpointRange::parse).toList());
    }

    private static byte[] table(String iommu, String... ranges) {
        return Viot.table(topology(iommu, ranges));
    }

    @Test
    void shouldWriteTheTableThatLinuxAccepts() {
        byte[] expected = HexFormat.of().parseHex(ACCEPTED.replaceAll("\\s", ""));

        byte[] table = table("0000:00:02.0", "0000:00:03.0-0000:00:1f.7");

        assertEquals(0, Viot.sum(expected) & 0xff);
        assertEquals(0, Viot.sum(table) & 0xff);
        assertArrayEquals(withoutVendor(expected), withoutVendor(table));
    }

    /** Who made it, and therefore the checksum, may differ. */
    private static byte[] withoutVendor(byte[] table) {
        byte[] copy = table.clone();
        copy[CHECKSUM_AT] = 0;
        Arrays.fill(copy, IDENTITY_AT, IDENTITY_END, (byte) 0);
        return copy;
    }

    @Test
    void shouldBeReadAsAKernelReadsIt() {
        ByteBuffer table = ByteBuffer.wrap(table("0001:00:04.0", "0001:00:06.0", "0002:01:00.0-0002:01:1f.7=0x500"))
                .order(ByteOrder.LITTLE_ENDIAN);

        assertEquals(table.capacity(), table.getInt(4));
        assertEquals(3, table.getShort(36));
        int iommu = table.getShort(38);
        assertNode(table, iommu, 3, 16);
        assertEquals(1, table.getShort(iommu + 4));
        assertEquals(0x20, table.getShort(iommu + 6));
        assertRange(table, iommu + 16, 0x1_0030, 1, 0x30, 0x30);
        assertRange(table, iommu + 16 + 24, 0x500, 2, 0x100, 0x1ff);
        assertEquals(iommu + 16 + 24 + 24, table.capacity());
    }

    private static void assertNode(ByteBuffer table, int at, int type, int lengthBytes) {
        assertEquals(type, table.get(at));
        assertEquals(0, table.get(at + 1));
        assertEquals(lengthBytes, table.getShort(at + 2));
    }

    private static void assertRange(ByteBuffer table, int at, int endpoint, int segment, int first, int last) {
        assertNode(table, at, 1, 24);
        assertEquals(endpoint, table.getInt(at + 4));
        assertEquals(segment, table.getShort(at + 8));
        assertEquals(segment, table.getShort(at + 10));
        assertEquals(first, table.getShort(at + 12));
        assertEquals(last, table.getShort(at + 14));
        assertEquals(table.getShort(38), table.getShort(at + 16), "what serves it");
    }

    @Test
    void shouldTakeNumbersForAddresses() {
        assertArrayEquals(
                table("0000:00:04.0", "0000:00:06.0-0000:00:08.0", "0003:00:01.0"),
                table("0x20", "48-0x40", "0x30008=0x30008"));
    }

    @ParameterizedTest
    @CsvSource({
        "0x20, 0x0-0xff, has the IOMMU 0000:00:04.0 in it",
        "0x20, 0x31-0x30, range=0000:00:06.1-0000:00:06.0 ends before it begins",
        "0x20, 0x0-0x1ffff, spans PCI segments",
        "0x20, 0x30-0x31=0xffffffff, ends with endpoint id 0x100000000 max=0xffffffff",
        "0x20, 0x30=0x100000000, id=0x100000000 max=0xffffffff",
        "0x20, 0x100000000, endpoint=0x100000000 max=0xffffffff",
        "0x20, 0000:00:6.0, endpoint=0000:00:6.0 is not of the form",
        "0x20, 0x30-, endpoint= is not a number",
        "0x20, -0x30, endpoint= is not a number",
        "0x20, '', endpoint= is not a number",
    })
    void shouldNameWhatIsWrong(String iommu, String range, String message) {
        IllegalArgumentException refused = assertThrows(IllegalArgumentException.class, () -> topology(iommu, range));

        assertTrue(String.valueOf(refused.getMessage()).contains(message), refused::getMessage);
    }

    @ParameterizedTest
    @CsvSource({"0x30-0x3f, 0x3f-0x40", "0x30-0x3f=0x100, 0x40-0x4f=0x10f", "0x40, 0x40"})
    void shouldRefuseRangesThatOverlap(String one, String other) {
        IllegalArgumentException refused =
                assertThrows(IllegalArgumentException.class, () -> topology("0x20", one, other));

        assertTrue(String.valueOf(refused.getMessage()).startsWith("ranges overlap: "), refused::getMessage);
    }

    @Test
    void shouldBoundTheNumberOfRanges() {
        List<EndpointRange> most = Stream.iterate(0x100, id -> id + 1)
                .limit(Topology.MAX_RANGES)
                .map(id -> new EndpointRange(id, id, id))
                .toList();
        List<EndpointRange> tooMany = Stream.concat(most.stream(), Stream.of(new EndpointRange(1, 1, 1)))
                .toList();

        assertEquals(48 + 16 + 24 * Topology.MAX_RANGES, Viot.table(new Topology(0, most)).length);
        assertThrows(IllegalArgumentException.class, () -> new Topology(0, tooMany));
        assertThrows(IllegalArgumentException.class, () -> new Topology(0, List.of()));
    }

    @Test
    void shouldWriteDeviceTree() {
        String fragment = DeviceTree.fragment(topology("0000:00:04.0", "0x0-0x1f", "0x21-0xffff"), "pcie0");

        assertEquals("""
                &pcie0 {
                	iommu-map = <0x0 &virtio_iommu 0x0 0x20>,
                		    <0x21 &virtio_iommu 0x21 0xffdf>;

                	virtio_iommu: iommu@4,0 {
                		compatible = "virtio,pci-iommu";
                		reg = <0x2000 0x0 0x0 0x0 0x0>;
                		#iommu-cells = <1>;
                	};
                };
                """, fragment);
    }

    @Test
    void shouldKeepABridgeToItsSegment() {
        Topology topology = topology("0000:00:04.0", "0001:00:06.0");

        assertThrows(IllegalArgumentException.class, () -> DeviceTree.fragment(topology, "pcie"));
    }
}
