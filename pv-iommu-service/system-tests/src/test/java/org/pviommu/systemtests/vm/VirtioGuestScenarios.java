package org.pviommu.systemtests.vm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * An unmodified Debian kernel whose IOMMU, disk and hypercalls are the service's. Each scenario is one boot, or two. The guest judges
 * its data, the service's counters tell which way it went, and the journal of each run is verified and replayed.
 */
class VirtioGuestScenarios {
    private static final String GUEST = "1";
    private static final int IMAGE_MIB = 64;
    private static final long MIB = 1 << 20;
    /** The raw case writes and reads 4 MiB. */
    private static final long RAW_BYTES = 8 * MIB;

    /** Memory that the guest has and never uses, see virtio-guest.sh. */
    private static final String WINDOW = "0x100000000-0x1ffffffff";

    /** What identity mappings need: wherever the guest has memory. */
    private static final String ALL_39_BITS = "0x0-0x7fffffffff";

    private static final String ENDPOINTS = "0x30-0x47";
    private static final int ENDURE_S = 30;
    private static final int KILLED_LIMIT_S = 90;

    @TempDir
    @SuppressWarnings("NullAway.Init") // set before each test
    private Path directory;

    private String option(String socket) {
        return directory.resolve(socket) + ",guest=" + GUEST;
    }

    private List<String> iommu(String inputRange, String... more) {
        List<String> parts =
                new ArrayList<>(List.of(option("iommu.sock"), "input-range=" + inputRange, "endpoints=" + ENDPOINTS));
        parts.addAll(List.of(more));
        return List.of("--vhost-user-iommu", String.join(",", parts));
    }

    private List<String> disk(boolean ext4) {
        Path image = VirtioMachine.image(directory, IMAGE_MIB, ext4);
        return List.of("--vhost-user-blk", "0x30," + directory.resolve("disk.sock") + "," + image + ",guest=" + GUEST);
    }

    private List<String> hypercalls() {
        return List.of("--vhost-user-hypercall", option("hypercall.sock"));
    }

    @SafeVarargs
    private static List<String> all(List<String>... options) {
        List<String> all = new ArrayList<>();
        for (List<String> each : options) {
            all.addAll(each);
        }
        return all;
    }

    private VirtioMachine machine(String name) {
        return new VirtioMachine(name).withIommu(directory).withDisk(directory);
    }

    // ---- translated

    @Test
    void rawAndExt4AreEqual_lazy() {
        translated("virtio-lazy", "DMA-FQ");
    }

    @Test
    void rawAndExt4AreEqual_strict() {
        translated("virtio-strict", "DMA", "--arguments", "iommu.strict=1");
    }

    /** From the case that has found the disk's group on, the driver has attached it. */
    private void translated(String name, String group, String... options) {
        try (DeviceService service = DeviceService.start(directory, all(iommu(WINDOW), disk(true)))) {
            AtomicLong bypassed = new AtomicLong(-1);
            AtomicLong refused = new AtomicLong(-1);
            VirtioMachine machine = machine(name).with(options).listening(line -> {
                if (line.startsWith("case group")) {
                    bypassed.set(service.metric(DeviceService.BYPASSING, ""));
                    refused.set(service.metric(DeviceService.REFUSED, "")); // the firmware's ring, at ATTACH
                }
            });

            machine.run("group:" + group, "ext4", "raw", "no-faults").requireGood();

            long translated = service.metric(DeviceService.TRANSLATED, "");
            assertTrue(translated >= RAW_BYTES, "translated bytes=" + translated + " min=" + RAW_BYTES);
            assertEquals(bypassed.get(), service.metric(DeviceService.BYPASSING, ""), "bypassing bytes since ATTACH");
            assertEquals(refused.get(), service.metric(DeviceService.REFUSED, ""), "refused accesses since ATTACH");
            requireOnlyOk(service);
        }
    }

    private static void requireOnlyOk(DeviceService service) {
        long requests = service.metric(DeviceService.REQUESTS, "");
        assertTrue(requests > 0, "no request of the driver was counted");
        assertEquals(requests, service.metric(DeviceService.REQUESTS, DeviceService.OK), "requests answered OK");
    }

    // ---- not translated

    @ParameterizedTest
    @ValueSource(strings = {"on", "off"})
    void passthroughWithAndWithoutBypassConfig(String bypassConfig) {
        List<String> iommu = iommu(ALL_39_BITS, "bypass-config=" + bypassConfig);
        try (DeviceService service = DeviceService.start(directory, all(iommu, disk(false)))) {
            VirtioMachine machine = machine("virtio-passthrough-" + bypassConfig)
                    .with("--no-window", "--arguments", "iommu.passthrough=1");

            machine.run("group:identity", "raw", "no-faults").requireGood();

            // Without bypass domains the driver maps all of its addresses to themselves.
            String counted = bypassConfig.equals("on") ? DeviceService.BYPASSING : DeviceService.TRANSLATED;
            assertTrue(service.metric(counted, "") >= RAW_BYTES);
            requireOnlyOk(service);
        }
    }

    // ---- refused

    @Test
    void aMapThatIsDroppedIsAnIoErrorAndAFaultReport() {
        List<String> planted = List.of("--plant", "map");
        try (DeviceService service = DeviceService.start(directory, all(planted, iommu(WINDOW), disk(false)))) {
            machine("virtio-dropped-map").run("io-error").requireGood();

            assertTrue(service.metric(DeviceService.REFUSED, "") > 0);
        }
    }

    // ---- user space

    @Test
    void userSpaceVfioOnTwoGroups() {
        try (DeviceService service = DeviceService.start(directory, iommu(WINDOW))) {
            new VirtioMachine("virtio-vfio")
                    .withIommu(directory)
                    .with("--edu", "2")
                    .run("vfio")
                    .requireGood();

            requireOnlyOk(service);
        }
    }

    // ---- hypercalls

    @Test
    void hypercallsFromAKernel() {
        try (DeviceService service = DeviceService.start(directory, hypercalls())) {
            new VirtioMachine("virtio-hypercalls")
                    .withHypercalls(directory)
                    .run("hypercalls")
                    .requireGood();

            assertTrue(service.metric("pvi_calls", "") > 0);
        }
    }

    @Test
    void premapThenTheDisk() {
        try (DeviceService service = DeviceService.start(directory, all(hypercalls(), disk(false)))) {
            premapped("virtio-premap").run("premap", "unload").requireGood();

            assertTrue(service.metric(DeviceService.TRANSLATED, "") >= RAW_BYTES);
            assertEquals(0, service.metric(DeviceService.REFUSED, ""));
        }
    }

    @Test
    void aPageThatPremapLeavesOutFaults() {
        try (DeviceService service = DeviceService.start(directory, all(hypercalls(), disk(false)))) {
            premapped("virtio-left-out").run("left-out").requireGood();

            assertTrue(service.metric(DeviceService.REFUSED, "") > 0);
        }
    }

    private VirtioMachine premapped(String name) {
        return new VirtioMachine(name)
                .withHypercalls(directory)
                .withDisk(directory)
                .with("--plain-firmware");
    }

    // ---- the service goes away

    @Test
    void ioResumesAfterAPlannedRestart() {
        try (DeviceService service = DeviceService.start(directory, all(iommu(WINDOW), disk(false)))) {
            AtomicBoolean restarted = new AtomicBoolean();
            VirtioMachine machine = machine("virtio-restart").with("--restarts").listening(line -> {
                if (line.startsWith("note rounds=11 ") && restarted.compareAndSet(false, true)) {
                    service.terminate();
                    service.start();
                }
            });

            machine.run("endure:" + ENDURE_S, "no-faults").requireGood();

            assertTrue(restarted.get(), "the guest was not far enough to restart the service");
        }
    }

    /** What was acknowledged is in the journal, and what was not is asked for again: the guest sees a pause. */
    @Test
    void ioResumesAfterSigkill() {
        try (DeviceService service = DeviceService.start(directory, all(iommu(WINDOW), disk(false)))) {
            AtomicBoolean killed = new AtomicBoolean();
            VirtioMachine machine = killing(machine("virtio-kill").with("--restarts"), service, killed);

            machine.run("endure:" + ENDURE_S + "-errors", "no-faults").requireGood();

            assertTrue(killed.get(), "the guest was not far enough to kill the service");
        }
    }

    /**
     * Without a keeper the driver waits for the answer to its request for ever, with interrupts off: the machine stands still until its
     * time limit. What it must not do is to take wrong data for right.
     */
    @Test
    void sigkillWithoutAKeeperStopsTheGuestAndNeverEndsInWrongData() {
        try (DeviceService service = DeviceService.start(directory, all(iommu(WINDOW), disk(false)))) {
            AtomicBoolean killed = new AtomicBoolean();
            VirtioMachine machine = killing(machine("virtio-kill-no-keeper"), service, killed)
                    .with("--seconds", Integer.toString(KILLED_LIMIT_S));

            VirtioMachine.Outcome outcome = machine.run("endure:" + ENDURE_S + "-errors");

            assertTrue(killed.get(), "the guest was not far enough to kill the service");
            outcome.requireNothingWrong();
            boolean resumed = outcome.held("endure:" + ENDURE_S + "-errors");
            System.out.println("vm: after SIGKILL the guest " + (resumed ? "went on" : "stood still") + ", exit code "
                    + outcome.exitCode());
            assertTrue(resumed || outcome.exitCode() == VirtioMachine.LIMIT_REACHED, outcome::toString);
        }
    }

    private static VirtioMachine killing(VirtioMachine machine, DeviceService service, AtomicBoolean killed) {
        return machine.listening(line -> {
            if (line.startsWith("note rounds=11 ") && killed.compareAndSet(false, true)) {
                service.kill();
                service.start();
            }
        });
    }
}
