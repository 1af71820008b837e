package org.pviommu.server.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.pviommu.engine.EndpointDescriptor;
import org.pviommu.virtio.iommu.Profile;

class DeviceTextTest {
    @Test
    void shouldReadAnIommuWithEverything() {
        DeviceConfig.Iommu iommu =
                DeviceText.iommu("/run/i.sock,guest=7,profile=draft-0.11,input-range=0x100000000-0x1ffffffff,"
                        + "endpoints=0x30-0x32+0000:01:00.0,bypass=off,bypass-config=off");

        assertEquals(Path.of("/run/i.sock"), iommu.socket());
        assertEquals(7, iommu.guest());
        assertEquals(Profile.DRAFT_0_11, iommu.profile());
        assertEquals(0x1_0000_0000L, iommu.firstIova());
        assertEquals(0x1_ffff_ffffL, iommu.lastIova());
        assertEquals(List.of(0x30, 0x31, 0x32, 0x100), iommu.endpoints());
        assertFalse(iommu.bypass());
        assertFalse(iommu.bypassConfig());
    }

    @Test
    void shouldFillInWhatIsUsual() {
        DeviceConfig.Iommu iommu = DeviceText.iommu("i.sock");

        assertEquals(1, iommu.guest());
        assertEquals(Profile.VIRTIO_1_2, iommu.profile());
        assertEquals(List.of(), iommu.endpoints());
        assertTrue(iommu.bypass() && iommu.bypassConfig(), "firmware reads the disk before any driver is there");
        assertEquals(
                new DeviceConfig.Disk(0x30, Path.of("d.sock"), Path.of("d.img"), 1),
                DeviceText.disk("0x30,d.sock,d.img"));
        assertEquals(new DeviceConfig.Hypercalls(Path.of("h.sock"), 2), DeviceText.hypercalls("h.sock,guest=2"));
    }

    @Test
    void shouldTakeAllSixtyFourBits() {
        DeviceConfig.Iommu iommu = DeviceText.iommu("i.sock,input-range=0x0-0xffffffffffffffff");

        assertEquals(0, iommu.firstIova());
        assertEquals(-1L, iommu.lastIova());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "''|virtio-iommu= needs fields=1",
                "i.sock,guest|virtio-iommu: guest is not key=value",
                "i.sock,gest=1|virtio-iommu: unknown key gest; known: [bypass, bypass-config, endpoints, guest, input-range, profile]",
                "i.sock,guest=1,guest=2|virtio-iommu: guest=2 comes twice",
                "i.sock,guest=4294967296|guest=4294967296 max=0x7fffffff",
                "i.sock,profile=2.0|profile=2.0 known: virtio-1.2, draft-0.11",
                "i.sock,bypass=yes|bypass=yes known: on, off",
                "i.sock,input-range=5|input-range=5 is not first-last",
                "i.sock,input-range=5-4|input-range=5-4 ends before it begins",
                "i.sock,endpoints=0x0-0x1000|endpoints=0x0-0x1000 max=4096 in ascending order",
                "i.sock,endpoints=3-2|endpoints=3-2 max=4096 in ascending order",
            })
    void shouldSayWhatIsWrong(String text, String message) {
        assertEquals(
                message,
                assertThrows(ConfigException.class, () -> DeviceText.iommu(text))
                        .getMessage());
    }

    @Test
    void shouldRefuseHalfADisk() {
        assertEquals(
                "disk=0x30,d.sock needs fields=3",
                assertThrows(ConfigException.class, () -> DeviceText.disk("0x30,d.sock"))
                        .getMessage());
    }

    @Test
    void shouldGiveTheGuestItsEndpoints() {
        ServiceSettings settings = ConfigFile.parse("""
                vhost-user:
                  iommu: ["i.sock,guest=3,endpoints=0x30-0x31"]
                  blk: ["0x30,d.sock,d.img,guest=3"]
                """);

        assertEquals(
                List.of(0x30, 0x31),
                settings.guest(3).endpoints().stream()
                        .map(EndpointDescriptor::endpointId)
                        .toList());
        assertEquals(1, settings.devices().iommus().size());
    }

    @Test
    void shouldRefuseOneThingForTwo() {
        assertThrows(ConfigException.class, () -> ConfigFile.parse("vhost-user: {iommu: [a.sock, b.sock]}"));
        assertThrows(
                ConfigException.class, () -> ConfigFile.parse("vhost-user: {iommu: [a.sock], hypercall: [a.sock]}"));
        assertThrows(
                ConfigException.class,
                () -> ConfigFile.parse("vhost-user: {blk: [\"1,a.sock,i\", \"1,b.sock,j,guest=2\"]}"));
        assertThrows(
                ConfigException.class,
                () -> ConfigFile.parse("{backend: {host: iommufd}, vhost-user: {blk: [\"1,a.sock,i\"]}}"));
    }
}
