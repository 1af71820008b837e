package org.pviommu.server.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.pviommu.engine.FrameRange;
import org.pviommu.engine.GuestPolicy;
import org.pviommu.engine.ReservedRegion;
import org.pviommu.server.EndpointId;

class ConfigFileTest {

    @Test
    void shouldReadEveryKey() {
        ServiceSettings settings = ConfigFile.parse("""
                http-port: 8080
                ring: /run/pvi/guests.sock
                ring-peers: {uids: [0, 1000], gids: [7]}
                backend:
                  simulated: {last-bfn: 0xfffff, cuts-mappings: false}
                guests:
                  default: {permitted: false}
                  3:
                    enabled: true
                    permitted: true
                    quotas:
                      max-memory-frames: 100
                      max-mapped-frames: 0x20
                      max-table-pages: 64
                      max-held-frames: 16
                      max-contexts: 8
                    reserved-mfns: ["0x10-0x1f", 0x40]
                    accepts-grants-from: [1, 70000]
                    endpoints:
                      - id: 0000:01:00.0
                        reserved: [{first: 0xfee00, last: 0xfeeff, kind: msi}]
                      - id: 0x108
                """);

        assertEquals(8080, settings.httpPort());
        assertEquals(Path.of("/run/pvi/guests.sock"), settings.ring());
        assertEquals(new RingPeers(Set.of(0, 1000), Set.of(7)), settings.ringPeers());
        assertEquals(0xfffff, settings.host().lastBfn());
        assertFalse(settings.host().cutsMappings());
        GuestSettings guest = settings.guest(3);
        assertEquals(
                new GuestPolicy(
                        true,
                        true,
                        100,
                        0x20,
                        64,
                        16,
                        8,
                        List.of(new FrameRange(0x10, 0x1f), new FrameRange(0x40, 0x40))),
                guest.policy());
        assertEquals(Set.of(1, 70_000), guest.acceptsGrantsFrom());
        assertEquals(List.of("0000:01:00.0", "0000:01:01.0"), ids(guest));
        assertEquals(
                List.of(new ReservedRegion(new FrameRange(0xfee00, 0xfeeff), ReservedRegion.Kind.MSI)),
                guest.endpoints().getFirst().reserved());
    }

    @Test
    void shouldGiveUnnamedGuestsTheDefaults() {
        ServiceSettings settings = ConfigFile.parse("guests: {default: {permitted: false}}");

        GuestSettings guest = settings.guest(5);

        assertFalse(guest.policy().permitted());
        assertTrue(guest.policy().enabled());
        assertEquals(List.of("0005:00:01.0"), ids(guest));
    }

    @Test
    void shouldAcceptGrantsFromNobodyUnlessTold() {
        assertFalse(ServiceSettings.defaults().acceptsGrants(2, 1));

        ServiceSettings settings = ConfigFile.parse(
                "guests: {default: {accepts-grants-from: [1]}, 3: {accepts-grants-from: []}, 4: {accepts-grants-from: [2]}, 5: {}}");

        assertTrue(settings.acceptsGrants(2, 1));
        assertTrue(settings.acceptsGrants(-1, 1), "numbers that no guest can have included");
        assertFalse(settings.acceptsGrants(2, 2));
        assertFalse(settings.acceptsGrants(3, 1));
        assertTrue(settings.acceptsGrants(4, 2));
        assertFalse(settings.acceptsGrants(4, 1));
        assertTrue(settings.acceptsGrants(5, 1));
        assertEquals(Set.of(1), settings.guest(2).acceptsGrantsFrom());
    }

    @Test
    void shouldWorkWithoutAnyKey() {
        assertEquals(ServiceSettings.defaults(), ConfigFile.parse(""));
        assertNull(ConfigFile.parse("").ring());
    }

    /** A real device is nobody's before the operator says so, and its address says nothing about a guest. */
    @Test
    void shouldGiveNoDevicesOfARealHostUnasked() {
        ServiceSettings settings = ConfigFile.parse("""
                backend: {host: vfio-type1, vfio-type1: {remap: true}}
                guests: {70000: {}, 5: {endpoints: [{id: 0000:00:01.0}]}}
                """);

        assertEquals(
                new HostConfig(HostConfig.Kind.VFIO_TYPE1, HostConfig.DEFAULT_LAST_BFN, true, true), settings.host());
        assertEquals(List.of(), settings.guest(1).endpoints());
        assertEquals(List.of(), settings.guest(70_000).endpoints());
        assertEquals(List.of(8), settings.endpointIds());
        assertEquals(List.of(8, 0x100), settings.withEndpoint(6, 0x100).endpointIds());
        assertThrows(ConfigException.class, () -> settings.withEndpoint(6, 8));
    }

    /** YAML on its own reads 0000:00:02.0 as a number in base 60 and no as false. */
    @Test
    void shouldNotGuessTypes() {
        ServiceSettings settings = ConfigFile.parse("guests: {1: {endpoints: [{id: 0000:00:02.0}]}}");

        assertEquals(List.of("0000:00:02.0"), ids(settings.guest(1)));
        assertRefused("guests: {1: {enabled: no}}", "guests.1.enabled=no is neither true nor false");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "http-prot: 1 | unknown key http-prot=1",
                "backend: {iommufd: {}} | unknown key backend.iommufd={}",
                "backend: {host: kvm} | backend.host=kvm known: simulated, iommufd, vfio-type1",
                "backend: {vfio-type1: {remap: maybe}} | backend.vfio-type1.remap=maybe is neither true nor false",
                "backend: {simulated: {last_bfn: 1}} | unknown key backend.simulated.last_bfn=1",
                "guests: {1: {enabeld: true}} | unknown key guests.1.enabeld=true",
                "guests: {1: {quotas: {max-maped: 1}}} | unknown key guests.1.quotas.max-maped=1",
                "guests: {01: {}} | unknown key guests.01",
                "guests: {-1: {}} | unknown key guests.-1",
                "guests: {4294967296: {}} | guest id guests.4294967296 max=2147483647",
                "guests: {70000: {}} | guests.70000.endpoints is missing",
                "guests: {1: 7} | guests.1=7 is not a section",
                "http-port: 65536 | http-port=65536 min=0 max=65535",
                "ring-peers: {uids: [bob]} | ring-peers.uids=bob is not a number",
                "http-port: x | http-port=x is not a number",
                "backend: {simulated: {last-bfn: 0x1000000000}} | backend.simulated.last-bfn=0x1000000000 min=0",
                "guests: {1: {quotas: {max-table-pages: 3}}} | guests.1.quotas.max-table-pages=3 min=4",
                "guests: {1: {quotas: {max-held-frames: 0}}} | guests.1.quotas.max-held-frames=0 min=1",
                "guests: {1: {reserved-mfns: [9-1]}} | guests.1.reserved-mfns: first=9 last=1",
                "guests: {1: {reserved-mfns: 9}} | guests.1.reserved-mfns=9 is not a list",
                "guests: {1: {accepts-grants-from: 2}} | guests.1.accepts-grants-from=2 is not a list",
                "guests: {1: {accepts-grants-from: [any]}} | guests.1.accepts-grants-from=any is not a number",
                "guests: {1: {accepts-grants-from: [1]}} | guests.1.accepts-grants-from=1 is the guest itself",
                "guests: {1: {endpoints: [{}]}} | guests.1.endpoints[0].id is missing",
                "guests: {1: {endpoints: [{id: 0:1:2}]}} | endpoint=0:1:2 is not of the form",
                "guests: {1: {endpoints: [{id: 0002:00:01.0}]}} | is the default endpoint of guest 2",
                "guests: {1: {endpoints: [{id: 1, reserved: [{first: 1}]}]}} | reserved[0].last is missing",
                "guests: {1: {endpoints: [{id: 1, reserved: [{first: 1, last: 2, kind: odd}]}]}} | kind=odd known:",
                "guests: {1: {endpoints: [{id: 1}]}, 2: {endpoints: [{id: 1}]}} | belongs to two guests",
                "a: [ | config is not YAML",
                "guests: {1: {}, 1: {}} | config is not YAML",
            })
    void shouldNameWhatIsWrong(String yaml, String message) {
        assertRefused(yaml, message);
    }

    @Test
    void shouldNotFollowAliasesIntoTheDark() {
        StringBuilder bomb = new StringBuilder("a: &a [x,x,x,x,x,x,x,x,x]\n");
        for (char c = 'b'; c < 'j'; c++) {
            char before = (char) (c - 1);
            bomb.append(c)
                    .append(": &")
                    .append(c)
                    .append(" [")
                    .append(("*" + before + ",").repeat(9))
                    .append("x]\n");
        }

        assertRefused(bomb.toString(), "config is not YAML");
    }

    private static void assertRefused(String yaml, String message) {
        String seen = assertThrows(ConfigException.class, () -> ConfigFile.parse(yaml))
                .getMessage();
        assertTrue(String.valueOf(seen).contains(message), seen);
    }

    private static List<String> ids(GuestSettings guest) {
        return guest.endpoints().stream()
                .map(e -> EndpointId.format(e.endpointId()))
                .toList();
    }
}
