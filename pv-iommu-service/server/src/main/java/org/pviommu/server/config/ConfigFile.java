package org.pviommu.server.config;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.pviommu.engine.EndpointDescriptor;
import org.pviommu.engine.FrameRange;
import org.pviommu.engine.GuestPolicy;
import org.pviommu.engine.HostCapabilities;
import org.pviommu.engine.ReservedRegion;
import org.pviommu.server.EndpointId;
import org.pviommu.server.Text;
import org.yaml.snakeyaml.DumperOptions;
import org.yaml.snakeyaml.LoaderOptions;
import org.yaml.snakeyaml.Yaml;
import org.yaml.snakeyaml.constructor.SafeConstructor;
import org.yaml.snakeyaml.error.YAMLException;
import org.yaml.snakeyaml.representer.Representer;
import org.yaml.snakeyaml.resolver.Resolver;

/**
 * Reads the YAML file of {@code pvi serve --config}. Ranges in it are inclusive, {@code first-last}. Keys are described
 * in docs/operating.md.
 */
public final class ConfigFile {
    private static final int MAX_FILE_CHARS = 1 << 20;
    private static final int MAX_DEPTH = 20;
    private static final int MAX_PORT = 65_535;
    /** A second of a whole processor. */
    private static final int MAX_POLL_US = 1_000_000;
    /** A century. */
    private static final long MAX_AGE_HOURS = 876_000;

    private static final String DEFAULT = "default";
    private static final String ACCEPTS = "accepts-grants-from";

    private ConfigFile() {}

    /**
     * Reads and checks a file.
     *
     * @throws ConfigException naming the first key or value that is wrong
     */
    public static ServiceSettings read(Path file) {
        return read(file, null);
    }

    /** The same with the host that the command line has chosen, if it has. */
    public static ServiceSettings read(Path file, HostConfig.@Nullable Kind chosen) {
        try {
            return parse(Files.readString(file), chosen);
        } catch (IOException unreadable) {
            throw new ConfigException("config=" + file + " cannot be read: " + unreadable, unreadable);
        }
    }

    /** Like {@link #read}, for text that is already there. */
    public static ServiceSettings parse(String yaml) {
        return parse(yaml, null);
    }

    private static ServiceSettings parse(String yaml, HostConfig.@Nullable Kind chosen) {
        ConfigNode root = ConfigNode.of("", load(yaml));
        int port = (int) root.number("http-port", 0, 0, MAX_PORT);
        @Nullable String ring = root.text("ring");
        RingPeers peers = root.has("ring-peers") ? peers(root.section("ring-peers")) : null;
        HostConfig host = host(root.section("backend"), chosen);
        JournalConfig journal = journal(root.section("journal"));

        ConfigNode guests = root.section("guests");
        ConfigNode defaults = guests.section(DEFAULT);
        GuestPolicy policy = policy(defaults, GuestPolicy.permissive());
        Set<Integer> accepts = guestIds(defaults, ACCEPTS, Set.of());
        defaults.refuseOthers();
        Map<Integer, GuestSettings> named = named(guests, host, policy, accepts);
        DeviceConfig devices = devices(root.section("vhost-user"));
        root.refuseOthers();
        return new ServiceSettings(
                        port,
                        ring == null ? null : Path.of(ring),
                        peers,
                        host,
                        journal,
                        policy,
                        accepts,
                        named,
                        DeviceConfig.none().withPollUs(devices.pollUs()))
                .withDevices(devices);
    }

    /** Written as on the command line. */
    private static DeviceConfig devices(ConfigNode node) {
        DeviceConfig devices = new DeviceConfig(
                list(node, "iommu", DeviceText::iommu),
                list(node, "blk", DeviceText::disk),
                list(node, "hypercall", DeviceText::hypercalls),
                (int) node.number("poll-us", DeviceConfig.DEFAULT_POLL_US, 0, MAX_POLL_US));
        node.refuseOthers();
        return devices;
    }

    private static <T> List<T> list(ConfigNode node, String key, Function<String, T> parse) {
        List<T> all = new ArrayList<>();
        for (Object element : node.list(key)) {
            try {
                all.add(parse.apply(ConfigNode.text(node.path(key), element)));
            } catch (ConfigException wrong) {
                throw new ConfigException(node.path(key) + ": " + wrong.getMessage(), wrong);
            }
        }
        return all;
    }

    private static HostConfig host(ConfigNode backend, HostConfig.@Nullable Kind chosen) {
        ConfigNode simulated = backend.section("simulated");
        long lastBfn = simulated.number("last-bfn", HostConfig.DEFAULT_LAST_BFN, 0, HostCapabilities.MAX_LAST_BFN);
        boolean cuts = simulated.flag("cuts-mappings", true);
        simulated.refuseOthers();
        ConfigNode type1 = backend.section("vfio-type1");
        boolean remaps = type1.flag("remap", false);
        type1.refuseOthers();
        HostConfig.Kind kind = chosen == null ? kindOfHost(backend) : chosen;
        backend.has("host");
        backend.refuseOthers();
        return new HostConfig(kind, lastBfn, cuts, remaps);
    }

    private static HostConfig.Kind kindOfHost(ConfigNode backend) {
        String text = backend.text("host");
        try {
            return text == null ? HostConfig.Kind.SIMULATED : HostConfig.Kind.of(text);
        } catch (IllegalArgumentException unknown) {
            throw new ConfigException(
                    backend.path("host") + "=" + Text.quote(text) + " known: " + HostConfig.Kind.known(), unknown);
        }
    }

    private static JournalConfig journal(ConfigNode node) {
        JournalConfig defaults = JournalConfig.defaults();
        @Nullable String directory = node.text("directory");
        @Nullable String ringDirectory = node.text("ring-directory");
        int ringBytes = (int) node.number(
                "ring-bytes", defaults.ringBytes(), JournalConfig.MIN_RING_BYTES, JournalConfig.MAX_RING_BYTES);
        if (Integer.bitCount(ringBytes) != 1) {
            throw new ConfigException(node.path("ring-bytes") + "=" + ringBytes + " is not a power of two");
        }
        JournalConfig journal = new JournalConfig(
                node.flag("enabled", true),
                directory == null ? null : Path.of(directory),
                ringDirectory == null ? defaults.ringDirectory() : Path.of(ringDirectory),
                ringBytes,
                node.number("max-bytes", defaults.maxBytes(), 1, Long.MAX_VALUE),
                Duration.ofHours(node.number("max-age-hours", defaults.maxAge().toHours(), 1, MAX_AGE_HOURS)));
        node.refuseOthers();
        return journal;
    }

    /**
     * Every plain value stays the string it was written as. YAML's own guesses would turn the endpoint 0000:00:01.0 into
     * the number 1.0 (base 60) and "no" into false.
     */
    private static @Nullable Object load(String yaml) {
        LoaderOptions limits = new LoaderOptions();
        limits.setAllowDuplicateKeys(false);
        limits.setMaxAliasesForCollections(0);
        limits.setNestingDepthLimit(MAX_DEPTH);
        limits.setCodePointLimit(MAX_FILE_CHARS);
        DumperOptions unused = new DumperOptions();
        Resolver nothing = new Resolver() {
            @Override
            protected void addImplicitResolvers() {
                // none: see above
            }
        };
        try {
            return new Yaml(new SafeConstructor(limits), new Representer(unused), unused, limits, nothing).load(yaml);
        } catch (YAMLException malformed) {
            throw new ConfigException("config is not YAML: " + oneLine(malformed), malformed);
        }
    }

    private static String oneLine(YAMLException malformed) {
        return String.valueOf(malformed.getMessage()).replaceAll("\\s+", " ");
    }

    private static Map<Integer, GuestSettings> named(
            ConfigNode guests, HostConfig host, GuestPolicy policy, Set<Integer> accepts) {
        Map<Integer, GuestSettings> named = new HashMap<>();
        Set<Integer> taken = new HashSet<>();
        for (String key : guests.keys()) {
            if (!key.equals(DEFAULT)) {
                int id = guestId(guests.path(key), key);
                named.put(id, guest(id, guests.section(key), host, policy, accepts, taken));
            }
        }
        return named;
    }

    private static int guestId(String path, String key) {
        if (!Text.isCanonicalDecimal(key)) {
            throw new ConfigException("unknown key " + path + "; known here: default and guest ids in decimal");
        }
        long id = ConfigNode.parse(path, key);
        if (id > Integer.MAX_VALUE) {
            throw new ConfigException("guest id " + path + " max=" + Integer.MAX_VALUE);
        }
        return (int) id;
    }

    private static GuestSettings guest(
            int id,
            ConfigNode node,
            HostConfig host,
            GuestPolicy defaults,
            Set<Integer> defaultAccepts,
            Set<Integer> taken) {
        GuestPolicy policy = policy(node, defaults);
        List<EndpointDescriptor> endpoints;
        if (node.has("endpoints")) {
            endpoints = endpoints(id, node, host, taken);
        } else if (host.isKernel()) {
            endpoints = List.of(); // a real device is nobody's before the operator says so
        } else if (id <= EndpointId.MAX_GUEST_WITH_DEFAULT) {
            endpoints = ServiceSettings.defaultEndpoints(id);
        } else {
            throw new ConfigException(node.path("endpoints") + " is missing: guest ids above "
                    + EndpointId.MAX_GUEST_WITH_DEFAULT + " have no default endpoint");
        }
        Set<Integer> accepts = guestIds(node, ACCEPTS, defaultAccepts);
        if (accepts.contains(id) && node.has(ACCEPTS)) {
            throw new ConfigException(node.path(ACCEPTS) + "=" + id + " is the guest itself");
        }
        node.refuseOthers();
        return new GuestSettings(policy, endpoints, accepts);
    }

    private static Set<Integer> guestIds(ConfigNode node, String key, Set<Integer> otherwise) {
        return node.has(key) ? ids(node, key) : otherwise;
    }

    private static RingPeers peers(ConfigNode node) {
        RingPeers peers = new RingPeers(ids(node, "uids"), ids(node, "gids"));
        node.refuseOthers();
        return peers;
    }

    private static Set<Integer> ids(ConfigNode node, String key) {
        Set<Integer> ids = new HashSet<>();
        for (Object element : node.list(key)) {
            String path = node.path(key);
            long id = ConfigNode.parse(path, ConfigNode.text(path, element));
            if (id > Integer.MAX_VALUE) {
                throw new ConfigException(path + "=" + id + " max=" + Integer.MAX_VALUE);
            }
            ids.add((int) id);
        }
        return ids;
    }

    private static GuestPolicy policy(ConfigNode node, GuestPolicy otherwise) {
        ConfigNode quotas = node.section("quotas");
        GuestPolicy policy = new GuestPolicy(
                node.flag("enabled", otherwise.enabled()),
                node.flag("permitted", otherwise.permitted()),
                quotas.number("max-memory-frames", otherwise.maxMemoryFrames(), 0, FrameRange.MAX_FRAME),
                quotas.number("max-mapped-frames", otherwise.maxMappedFrames(), 0, FrameRange.MAX_FRAME),
                (int) quotas.number("max-table-pages", otherwise.maxTablePages(), 4, Integer.MAX_VALUE),
                (int) quotas.number("max-held-frames", otherwise.maxHeldFrames(), 1, Integer.MAX_VALUE),
                (int) quotas.number("max-contexts", otherwise.maxContexts(), 1, GuestPolicy.MAX_CONTEXTS),
                node.has("reserved-mfns") ? ranges(node, "reserved-mfns") : otherwise.reservedMfns());
        quotas.refuseOthers();
        return policy;
    }

    private static List<FrameRange> ranges(ConfigNode node, String key) {
        List<FrameRange> ranges = new ArrayList<>();
        for (Object element : node.list(key)) {
            String path = node.path(key);
            String text = ConfigNode.text(path, element);
            int dash = text.indexOf('-');
            String first = dash < 0 ? text : text.substring(0, dash);
            String last = dash < 0 ? text : text.substring(dash + 1);
            ranges.add(range(path, ConfigNode.parse(path, first.strip()), ConfigNode.parse(path, last.strip())));
        }
        return ranges;
    }

    private static FrameRange range(String path, long first, long last) {
        try {
            return new FrameRange(first, last);
        } catch (IllegalArgumentException wrong) {
            throw new ConfigException(path + ": " + wrong.getMessage(), wrong);
        }
    }

    private static List<EndpointDescriptor> endpoints(
            int guestId, ConfigNode guest, HostConfig host, Set<Integer> taken) {
        List<EndpointDescriptor> endpoints = new ArrayList<>();
        List<?> elements = guest.list("endpoints");
        for (int i = 0; i < elements.size(); i++) {
            ConfigNode node = ConfigNode.of(guest.path("endpoints[" + i + "]"), elements.get(i));
            int id = endpointId(node);
            if (!host.isKernel() && EndpointId.isDefaultOfAnother(id, guestId)) {
                throw new ConfigException(node.path("id") + "=" + EndpointId.format(id)
                        + " is the default endpoint of guest " + (id >>> 16) + "; choose another device number");
            }
            if (!taken.add(id)) {
                throw new ConfigException(node.path("id") + "=" + EndpointId.format(id) + " belongs to two guests");
            }
            endpoints.add(new EndpointDescriptor(id, reserved(node)));
            node.refuseOthers();
        }
        return endpoints;
    }

    private static int endpointId(ConfigNode node) {
        String text = node.text("id");
        if (text == null) {
            throw new ConfigException(node.path("id") + " is missing");
        }
        try {
            return text.contains(":") ? EndpointId.parse(text) : (int) Text.parseUnsigned("id", text, 0xffff_ffffL);
        } catch (IllegalArgumentException wrong) {
            throw new ConfigException(node.path("id") + ": " + wrong.getMessage(), wrong);
        }
    }

    private static List<ReservedRegion> reserved(ConfigNode endpoint) {
        List<ReservedRegion> regions = new ArrayList<>();
        List<?> elements = endpoint.list("reserved");
        for (int i = 0; i < elements.size(); i++) {
            ConfigNode node = ConfigNode.of(endpoint.path("reserved[" + i + "]"), elements.get(i));
            FrameRange bfns = range(node.path("first"), required(node, "first"), required(node, "last"));
            regions.add(new ReservedRegion(bfns, kind(node)));
            node.refuseOthers();
        }
        return regions;
    }

    private static long required(ConfigNode node, String key) {
        if (!node.has(key)) {
            throw new ConfigException(node.path(key) + " is missing");
        }
        return node.number(key, 0, 0, FrameRange.MAX_FRAME);
    }

    private static ReservedRegion.Kind kind(ConfigNode node) {
        String text = node.text("kind");
        if (text == null) {
            return ReservedRegion.Kind.RESERVED;
        }
        for (ReservedRegion.Kind kind : ReservedRegion.Kind.values()) {
            if (kind.name().toLowerCase(Locale.ROOT).equals(text)) {
                return kind;
            }
        }
        throw new ConfigException(node.path("kind") + "=" + Text.quote(text) + " known: reserved, msi, identity");
    }
}
