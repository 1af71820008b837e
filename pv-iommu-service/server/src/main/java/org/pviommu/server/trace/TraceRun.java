package org.pviommu.server.trace;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.pviommu.server.Text;
import org.pviommu.virtio.iommu.IommuConfig;
import org.pviommu.virtio.iommu.IommuDevice;
import org.pviommu.virtio.iommu.Profile;

/**
 * One trace, through a device of its own. The device offers what the recorded one did, and no less: all addresses, all domains.
 * At each section and at the end, what is mapped is compared with the model.
 */
public final class TraceRun {
    static final String OK = "OK";

    private static final long PAGES_FROM_4_KIB = -4096L;
    private static final int PROBE_BYTES = 512;
    private static final IommuConfig CONFIG =
            new IommuConfig(Profile.VIRTIO_1_2, PAGES_FROM_4_KIB, 0, -1L, 0, -1, PROBE_BYTES, true, true, true);

    /** By number; {@link TraceDriver#UNANSWERED} is not among them. */
    private static final List<String> NAMES =
            List.of(OK, "IOERR", "UNSUPP", "DEVERR", "INVAL", "RANGE", "NOENT", "FAULT", "NOMEM");

    private final TraceTarget target;
    private final IommuDevice device;
    private final TraceDriver driver;
    private final TraceModel model = new TraceModel();
    private final int[] answers = new int[TraceDriver.MAX_KICK];
    private final Map<String, Long> statuses = new TreeMap<>();
    private final boolean hasKicks;
    private long requests;
    private long unparsed;
    private String firstUnparsed = "";
    private String difference = "";

    private TraceRun(TraceTarget target, TraceDriver driver, IommuDevice device, boolean hasKicks) {
        this.target = target;
        this.driver = driver;
        this.device = device;
        this.hasKicks = hasKicks;
    }

    /** The endpoints that a trace names, in ascending order: those that its machine had. */
    public static List<Integer> endpoints(List<String> lines) {
        Set<Integer> found = new TreeSet<>(Integer::compareUnsigned);
        for (String line : lines) {
            switch (read(line)) {
                case TraceLine.Probe probe -> found.add(probe.endpoint());
                case TraceLine.Attach attach -> found.add(attach.endpoint());
                default -> {}
            }
        }
        return new ArrayList<>(found);
    }

    /** What cannot be read is nothing here; {@link #run} tells of it. */
    private static TraceLine read(String line) {
        try {
            return TraceParser.parse(line);
        } catch (IllegalArgumentException unreadable) {
            return new TraceLine.Nothing();
        }
    }

    /** Runs a trace; the target is still open afterwards. */
    public static TraceResult run(List<String> lines, TraceTarget target) {
        IommuDevice device = new IommuDevice(CONFIG, target.port());
        device.acknowledged(CONFIG.features());
        boolean hasKicks = lines.stream().anyMatch(line -> read(line) instanceof TraceLine.Kick);
        try (TraceDriver driver = new TraceDriver(device, PROBE_BYTES)) {
            TraceRun run = new TraceRun(target, driver, device, hasKicks);
            for (int i = 0; i < lines.size(); i++) {
                run.line(i + 1, lines.get(i));
            }
            return run.finish();
        }
    }

    private void line(int number, String text) {
        try {
            execute(TraceParser.parse(text));
        } catch (IllegalArgumentException wrong) {
            if (unparsed++ == 0) {
                firstUnparsed = "line " + number + ": " + wrong.getMessage();
            }
        }
    }

    private void execute(TraceLine line) {
        switch (line) {
            case TraceLine.Request request -> request(request);
            case TraceLine.Kick kick -> kick(kick);
            case TraceLine.Section section -> {
                endSection();
                device.reset();
                model.reset();
            }
            case TraceLine.Nothing nothing -> {}
        }
    }

    /** Where kicks were not recorded, each request is one. */
    private void request(TraceLine.Request request) {
        driver.offer(request);
        model.apply(request);
        if (!hasKicks || driver.offered() == TraceDriver.MAX_KICK) {
            serve();
        }
    }

    private void kick(TraceLine.Kick kick) {
        int waiting = driver.offered();
        serve();
        if (kick.requests() != waiting) {
            throw new IllegalArgumentException("K " + Integer.toUnsignedString(kick.requests()) + " after " + waiting
                    + " requests max=" + (TraceDriver.MAX_KICK - 1));
        }
    }

    private void serve() {
        int answered = driver.kick(answers);
        requests += answered;
        for (int i = 0; i < answered; i++) {
            statuses.merge(name(answers[i]), 1L, Long::sum);
        }
    }

    private static String name(int status) {
        if (status == TraceDriver.UNANSWERED) {
            return "UNANSWERED";
        }
        return status < NAMES.size() ? NAMES.get(status) : "status " + status;
    }

    /** The last requests of a section may lack their kick. */
    private void endSection() {
        serve();
        if (difference.isEmpty()) {
            difference = compare(model.mappings(), target.live());
        }
    }

    private static String compare(Set<LiveMapping> expected, Set<LiveMapping> actual) {
        for (LiveMapping each : expected) {
            if (!actual.contains(each)) {
                return "missing " + describe(each);
            }
        }
        for (LiveMapping each : actual) {
            if (!expected.contains(each)) {
                return "too many " + describe(each);
            }
        }
        return "";
    }

    private static String describe(LiveMapping mapping) {
        return "domain=" + Integer.toUnsignedString(mapping.domain()) + " iova=" + Text.hex(mapping.first()) + "-"
                + Text.hex(mapping.last()) + " target=" + Text.hex(mapping.target()) + " flags=" + mapping.flags();
    }

    private TraceResult finish() {
        endSection();
        long nsPerRequest = requests == 0 ? 0 : driver.busyNs() / requests;
        return new TraceResult(
                requests,
                statuses,
                nsPerRequest,
                target.live().size(),
                target.digest(),
                unparsed,
                firstUnparsed,
                difference);
    }
}
