package org.pviommu.server.config;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.pviommu.server.EndpointId;
import org.pviommu.server.Text;
import org.pviommu.virtio.iommu.Profile;

/**
 * Devices as the command line and the configuration file write them: fields divided by commas, the last ones {@code key=value}. A
 * path with a comma in it cannot be written.
 */
public final class DeviceText {
    private static final long MAX_ENDPOINT = 0xffff_ffffL;
    /** Of one device: a range written by mistake must not become millions of endpoints. */
    private static final int MAX_ENDPOINTS = 4096;

    /** Usable on any processor, and what Linux takes by itself. */
    private static final long DEFAULT_LAST_IOVA = (1L << 39) - 1;

    private DeviceText() {}

    /**
     * {@code SOCK[,guest=ID][,profile=virtio-1.2|draft-0.11][,input-range=FIRST-LAST][,endpoints=EP[-EP][+...]][,bypass=on|off]
     * [,bypass-config=on|off]}.
     *
     * @throws ConfigException naming what is wrong
     */
    public static DeviceConfig.Iommu iommu(String text) {
        Fields fields = Fields.of("virtio-iommu", text, 1);
        long[] range = fields.range("input-range", 0, DEFAULT_LAST_IOVA);
        DeviceConfig.Iommu iommu = new DeviceConfig.Iommu(
                Path.of(fields.at(0)),
                fields.guest(),
                profile(fields.take("profile", "virtio-1.2")),
                range[0],
                range[1],
                endpoints(fields.take("endpoints", "")),
                fields.flag("bypass", true),
                fields.flag("bypass-config", true));
        fields.refuseOthers();
        return iommu;
    }

    /**
     * {@code EP,SOCK,IMAGE[,guest=ID]}.
     *
     * @throws ConfigException naming what is wrong
     */
    public static DeviceConfig.Disk disk(String text) {
        Fields fields = Fields.of("disk", text, 3);
        DeviceConfig.Disk disk = new DeviceConfig.Disk(
                endpoint(fields.at(0)), Path.of(fields.at(1)), Path.of(fields.at(2)), fields.guest());
        fields.refuseOthers();
        return disk;
    }

    /**
     * {@code SOCK[,guest=ID]}.
     *
     * @throws ConfigException naming what is wrong
     */
    public static DeviceConfig.Hypercalls hypercalls(String text) {
        Fields fields = Fields.of("hypercall device", text, 1);
        DeviceConfig.Hypercalls device = new DeviceConfig.Hypercalls(Path.of(fields.at(0)), fields.guest());
        fields.refuseOthers();
        return device;
    }

    private static Profile profile(String text) {
        return switch (text) {
            case "virtio-1.2" -> Profile.VIRTIO_1_2;
            case "draft-0.11" -> Profile.DRAFT_0_11;
            default -> throw new ConfigException("profile=" + Text.quote(text) + " known: virtio-1.2, draft-0.11");
        };
    }

    private static List<Integer> endpoints(String text) {
        List<Integer> endpoints = new ArrayList<>();
        for (String piece : text.isEmpty() ? List.<String>of() : List.of(text.split("\\+", -1))) {
            int dash = piece.indexOf('-');
            long first = Integer.toUnsignedLong(endpoint(dash < 0 ? piece : piece.substring(0, dash)));
            long last = dash < 0 ? first : Integer.toUnsignedLong(endpoint(piece.substring(dash + 1)));
            if (first > last || last - first >= MAX_ENDPOINTS - endpoints.size()) {
                throw new ConfigException(
                        "endpoints=" + Text.quote(piece) + " max=" + MAX_ENDPOINTS + " in ascending order");
            }
            for (long each = first; each <= last; each++) {
                endpoints.add((int) each);
            }
        }
        return endpoints;
    }

    private static int endpoint(String text) {
        try {
            return text.contains(":")
                    ? EndpointId.parse(text)
                    : (int) Text.parseUnsigned("endpoint", text, MAX_ENDPOINT);
        } catch (IllegalArgumentException wrong) {
            throw new ConfigException(String.valueOf(wrong.getMessage()), wrong);
        }
    }

    /** The fields of one device; each is asked for once. */
    private static final class Fields {
        private final String what;
        private final List<String> places;
        private final Map<String, String> named;
        private final Set<String> known = new TreeSet<>();

        private Fields(String what, List<String> places, Map<String, String> named) {
            this.what = what;
            this.places = places;
            this.named = named;
        }

        static Fields of(String what, String text, int places) {
            List<String> words = List.of(text.split(",", -1));
            if (words.size() < places || words.subList(0, places).stream().anyMatch(String::isEmpty)) {
                throw new ConfigException(what + "=" + Text.quote(text) + " needs fields=" + places);
            }
            Map<String, String> named = new LinkedHashMap<>();
            for (String word : words.subList(places, words.size())) {
                int equals = word.indexOf('=');
                if (equals < 1) {
                    throw new ConfigException(what + ": " + Text.quote(word) + " is not key=value");
                }
                if (named.put(word.substring(0, equals), word.substring(equals + 1)) != null) {
                    throw new ConfigException(what + ": " + Text.quote(word) + " comes twice");
                }
            }
            return new Fields(what, words.subList(0, places), named);
        }

        String at(int place) {
            return places.get(place);
        }

        String take(String key, String otherwise) {
            known.add(key);
            return named.getOrDefault(key, otherwise);
        }

        int guest() {
            return (int)
                    number("guest", take("guest", Integer.toString(DeviceConfig.DEFAULT_GUEST)), Integer.MAX_VALUE);
        }

        boolean flag(String key, boolean otherwise) {
            String text = take(key, otherwise ? "on" : "off");
            if (!text.equals("on") && !text.equals("off")) {
                throw new ConfigException(key + "=" + Text.quote(text) + " known: on, off");
            }
            return text.equals("on");
        }

        long[] range(String key, long first, long last) {
            String text = take(key, "");
            if (text.isEmpty()) {
                return new long[] {first, last};
            }
            int dash = text.indexOf('-');
            if (dash < 0) {
                throw new ConfigException(key + "=" + Text.quote(text) + " is not first-last");
            }
            long[] range = {number(key, text.substring(0, dash), -1L), number(key, text.substring(dash + 1), -1L)};
            if (Long.compareUnsigned(range[0], range[1]) > 0) {
                throw new ConfigException(key + "=" + Text.quote(text) + " ends before it begins");
            }
            return range;
        }

        private static long number(String key, String text, long max) {
            try {
                return Text.parseUnsigned(key, text, max);
            } catch (IllegalArgumentException wrong) {
                throw new ConfigException(String.valueOf(wrong.getMessage()), wrong);
            }
        }

        void refuseOthers() {
            for (String key : named.keySet()) {
                if (!known.contains(key)) {
                    throw new ConfigException(what + ": unknown key " + Text.quote(key) + "; known: " + known);
                }
            }
        }
    }
}
