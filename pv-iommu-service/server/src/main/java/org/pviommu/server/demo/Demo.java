package org.pviommu.server.demo;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.pviommu.server.Json;
import org.pviommu.server.cli.CommandException;
import org.pviommu.server.cli.PviCommand;
import org.pviommu.server.cli.RestClient;
import org.pviommu.server.run.RunFiles;

/** The demonstration, from the start of the service to its stop. */
public final class Demo {
    private static final long LOAD_OPERATIONS = 2_000_000;
    private static final long QUICK_LOAD_OPERATIONS = 200_000;
    private static final int WINDOWS_PER_BATCH = 2;
    private static final long GONE_SECONDS = 20;
    private static final long SEED = 20140410;

    private final Options options;
    private final PrintWriter out;
    private final Checks checks;
    private final long startedNs = System.nanoTime();

    /**
     * What to do.
     *
     * @param home folder of the source tree, with the launcher and the guest's program
     * @param keep whether to leave the service up at the end, until Ctrl-C
     * @param plant fault that the service is told to have, or null; the checks do not know
     * @param quick less load and fewer places looked at
     */
    public record Options(Path home, boolean keep, @Nullable String plant, boolean quick) {}

    /** A demonstration that prints to {@code out}. */
    public Demo(Options options, PrintWriter out) {
        this.options = options;
        this.out = out;
        this.checks = new Checks(out);
    }

    /** Runs it; whether every check held. The last line printed says so. */
    public boolean run() throws InterruptedException {
        Path directory = temporaryDirectory();
        boolean good;
        try (Children children = new Children()) {
            good = showAndFinish(children, directory);
            if (good && options.keep()) {
                waitForCtrlC(children, directory);
            }
        }
        if (good) {
            delete(directory);
        }
        return good;
    }

    private boolean showAndFinish(Children children, Path directory) throws InterruptedException {
        try {
            show(children, directory);
        } catch (DemoFailure | CommandException failed) {
            checks.check("the demonstration runs to its end", false, String.valueOf(failed.getMessage()));
        } catch (RuntimeException failed) {
            // Whoever answered with what cannot be read, guest or service: it is a failure like any other.
            checks.check("the demonstration runs to its end", false, String.valueOf(failed));
        }
        boolean good = checks.finish();
        long seconds = TimeUnit.NANOSECONDS.toSeconds(System.nanoTime() - startedNs);
        if (!good) {
            out.println("logs: " + directory);
        }
        out.println("took " + seconds + " s");
        out.println(good ? "demo: OK" : "demo: FAILED");
        out.flush();
        return good;
    }

    private void show(Children children, Path directory) throws InterruptedException {
        Path runDir = directory.resolve("run");
        checks.step("1. The service starts, on the simulated host IOMMU");
        ServiceProcess service = startService(children, directory, runDir);
        try (RestClient rest = RestClient.of(runDir)) {
            checks.note("pid=" + service.pid() + " " + rest.baseUrl());
            Map<String, @Nullable Object> health = Json.object(rest.get("/api/v1/health"));
            checks.check("it says that it is well", "UP".equals(health.get("status")), health.toString());

            GuestProcess guest = startGuest(children, directory, runDir);
            guestAtWork(guest, rest);
            deviceAtWork(guest, rest);
            everybodyAgrees(rest, runDir);
            checks.step("7. The journal says the same as the service");
            new JournalProof(checks, out, children, options.home().resolve("pvi"), runDir).prove(rest);
            if (options.keep()) {
                tellHowToReach(rest, runDir);
            } else {
                theEnd(guest, rest, service, runDir);
            }
        }
    }

    private ServiceProcess startService(Children children, Path directory, Path runDir) throws InterruptedException {
        Path config = directory.resolve("pvi.yaml");
        write(config, Layout.configuration());
        List<String> command = new ArrayList<>(List.of(
                options.home().resolve("pvi").toString(),
                "serve",
                "--run-dir",
                runDir.toString(),
                "--config",
                config.toString()));
        if (options.plant() != null) {
            command.add("--plant");
            command.add(options.plant());
        }
        return ServiceProcess.start(children, runDir, directory.resolve("service.log"), command);
    }

    private GuestProcess startGuest(Children children, Path directory, Path runDir) {
        String program =
                options.home().resolve("hypercall-abi/target/native/dom0-guest").toString();
        String ring = runDir.resolve(RunFiles.RING_SOCKET).toString();
        long load = options.quick() ? QUICK_LOAD_OPERATIONS : LOAD_OPERATIONS;
        return GuestProcess.start(children, directory.resolve("guest.log"), Layout.guestCommand(program, ring, load));
    }

    /** What the guest itself checks: each status of each operation. */
    private void guestAtWork(GuestProcess guest, RestClient rest) {
        checks.step("2. A guest written in C connects, maps its 1 GiB page by page, misbehaves, then works hard");
        Runnable progress =
                () -> checks.note("operations so far: " + counters(rest).get("operations"));
        guest.phase("connect", progress);
        checks.note("dom0-guest pid=" + guest.pid());
        guest.phase("fill", progress);
        phase(guest, guest.phase("map", progress), Layout.PAGES, "operations of the 1:1 map have the right status");
        phase(guest, guest.phase("bad-batch", progress), 1, "operations of bad batches have exactly the right status");
        phase(guest, guest.phase("load", progress), 1, "operations of the unmap and map load have the right status");
        guest.phase("interactive", progress);
    }

    private void phase(GuestProcess guest, Map<String, @Nullable Object> report, long atLeast, String promise) {
        long operations = Device.number(report, "operations");
        long failed = Device.number(report, "failed");
        checks.check(
                operations + " " + promise,
                failed == 0 && operations >= atLeast,
                "wrong=" + failed + " operations=" + operations + " " + guest.complaints());
        if (report.containsKey("batch")) {
            checks.note(String.format(
                    Locale.ROOT,
                    "%.2f million operations/s; a call of %d takes p50 %.1f us, p99 %.1f us",
                    Device.number(report, "operations_per_second") / 1e6,
                    Device.number(report, "batch"),
                    Device.number(report, "call_p50_ns") / 1e3,
                    Device.number(report, "call_p99_ns") / 1e3));
        }
    }

    private void deviceAtWork(GuestProcess guest, RestClient rest) {
        checks.step("3. The guest's device does DMA through the host IOMMU");
        checks.note("seed of the random places: " + SEED);
        DeviceProof proof = new DeviceProof(checks, guest, new Device(rest, Layout.ENDPOINT), SEED);
        proof.everyBatchIsReachable(options.quick() ? 1 : WINDOWS_PER_BATCH, new Progress(checks::note));
        proof.writesArrive();
        checks.step("4. The device is refused where it has no business");
        proof.refusals();
        checks.step("5. The guest takes pages away under the device");
        proof.unmapTakesEffectAtOnce();
        proof.remapReachesTheNewFrame();
    }

    /** What REST lists against what the guest did. */
    private void everybodyAgrees(RestClient rest, Path runDir) {
        checks.step("6. REST and the command line show the same");
        long reserved = Layout.RESERVED_LAST - Layout.RESERVED_FIRST + 1;
        long listed = listedPages(rest);
        checks.check(
                "the listed mappings have " + (Layout.PAGES - reserved) + " pages",
                listed == Layout.PAGES - reserved,
                "pages=" + listed);
        String path = "/api/v1/guests/" + Layout.GUEST + "/address-spaces/0/translate?bfn=0x1234";
        Object mfn = Json.object(rest.get(path)).get("mfn");
        checks.check("bfn 0x1234 translates to mfn 0x1234", "0x1234".equals(mfn), "mfn=" + mfn);
        for (String noun : List.of("guest", "space", "endpoint")) {
            out.println();
            out.println("      $ pvi " + noun + " list --run-dir " + runDir);
            PviCommand.run(out, out, noun, "list", "--run-dir", runDir.toString());
        }
    }

    private static long listedPages(RestClient rest) {
        long pages = 0;
        Object next = "/api/v1/guests/" + Layout.GUEST + "/address-spaces/0/mappings?limit=4096";
        while (next != null) {
            Map<String, @Nullable Object> page = Json.object(rest.get(next.toString()));
            if (page.get("mappings") instanceof List<?> runs) {
                for (Object run : runs) {
                    pages += run instanceof Map<?, ?> map && map.get("pages") instanceof Long count ? count : 0;
                }
            }
            next = page.get("next");
        }
        return pages;
    }

    private static Map<?, ?> counters(RestClient rest) {
        Object totals = Json.object(rest.get("/api/v1/stats")).get("totals");
        return totals instanceof Map<?, ?> map ? map : Map.of();
    }

    /** A guest that dies without a word, and a service that is told to stop. */
    private void theEnd(GuestProcess guest, RestClient rest, ServiceProcess service, Path runDir)
            throws InterruptedException {
        checks.step("8. The guest is killed, then the service is stopped");
        guest.kill();
        String left = guestsAfterDeath(rest);
        checks.check("a killed guest is torn down", left.isEmpty(), "guests=" + left);
        int code = Children.end(service.process());
        checks.check("SIGTERM ends the service with exit code 0", code == 0, "exit code=" + code);
        boolean clean = Files.notExists(runDir.resolve(RunFiles.RING_SOCKET))
                && Files.notExists(runDir.resolve(RunFiles.API_SOCKET))
                && Files.notExists(runDir.resolve(RunFiles.READY));
        checks.check("it leaves no socket behind", clean, "run-dir=" + runDir);
    }

    private static String guestsAfterDeath(RestClient rest) throws InterruptedException {
        long deadlineNs = System.nanoTime() + TimeUnit.SECONDS.toNanos(GONE_SECONDS);
        while (true) {
            Object guests = Json.object(rest.get("/api/v1/guests")).get("guests");
            if (guests instanceof List<?> list && list.isEmpty()) {
                return "";
            }
            if (System.nanoTime() > deadlineNs) {
                return String.valueOf(guests);
            }
            Thread.sleep(20);
        }
    }

    private void tellHowToReach(RestClient rest, Path runDir) {
        checks.step("The service and its guest stay up until Ctrl-C");
        checks.note("page:  " + rest.baseUrl() + "/");
        checks.note("REST:  curl -s " + rest.baseUrl() + "/api/v1/guests");
        checks.note("CLI:   ./pvi space dump " + Layout.GUEST + " --run-dir " + runDir);
        checks.note("journal: ./pvi journal cat -n 20 -f --run-dir " + runDir);
        checks.note("DMA:   ./pvi dma read " + Layout.ENDPOINT + " 0x1000 64 --run-dir " + runDir);
    }

    /** Everything held, so that is what the exit code says, although a signal ends us. */
    private static void waitForCtrlC(Children children, Path directory) throws InterruptedException {
        children.onInterruption(() -> {
            delete(directory);
            Runtime.getRuntime().halt(0);
        });
        Thread.sleep(Long.MAX_VALUE);
    }

    private static Path temporaryDirectory() {
        try {
            return Files.createTempDirectory("pvi-demo-");
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    private static void write(Path file, String text) {
        try {
            Files.writeString(file, text);
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    /** Nothing but our own files is in there; what cannot be deleted is only clutter in the temporary folder. */
    private static void delete(Path directory) {
        try (Stream<Path> files = Files.walk(directory)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(file);
            }
        } catch (IOException left) {
            System.getLogger(Demo.class.getName()).log(System.Logger.Level.DEBUG, "left " + directory, left);
        }
    }
}
