package org.pviommu.systemtests.vm;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;

/**
 * {@code pvi demo --vm}: an unmodified Linux in QEMU whose IOMMU and disk are the service's, in a few lines. Ends with {@code demo: OK}
 * and exit code 0, or {@code demo: FAILED} and 1. Run in the folder of the system tests.
 */
public final class VmDemo {
    private static final int IMAGE_MIB = 64;
    private static final long WRITTEN_AND_READ_BYTES = 8 << 20;
    /** Memory that the guest has and never uses, see virtio-guest.sh. */
    private static final String WINDOW = "0x100000000-0x1ffffffff";

    private static final Map<String, String> MEANINGS = Map.of(
            "group:DMA-FQ", "its driver has put the disk behind our IOMMU",
            "ext4", "a file system written and read back through our mappings is equal",
            "raw", "4 MiB written to the bare disk and read back are equal",
            "no-faults", "no access was refused",
            "io-error",
                    "the disk's access to what is not mapped failed, as an I/O error, and our report is in the guest's log");

    private final PrintStream out = System.out;
    private final Path directory;

    private VmDemo(Path directory) {
        this.directory = directory;
    }

    /** No arguments. */
    public static void main(String[] arguments) throws IOException {
        Path directory = Files.createTempDirectory("pvi-vm-demo");
        int code = 0;
        try {
            new VmDemo(directory).run();
            System.out.println("demo: OK");
        } catch (RuntimeException | AssertionError | IOException wrong) {
            wrong.printStackTrace();
            System.out.println("  FAILED  " + wrong.getMessage());
            System.out.println("demo: FAILED");
            code = 1;
        } finally {
            try (Stream<Path> files = Files.walk(directory)) {
                for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                    Files.delete(file);
                }
            }
        }
        System.exit(code);
    }

    private void run() throws IOException {
        say("1. The service starts, with an IOMMU and a disk for a virtual machine");
        try (DeviceService service = DeviceService.start(home("good"), options("good"))) {
            AtomicLong bypassed = new AtomicLong();
            say("2. An unmodified Linux boots in QEMU (emulated: some ten seconds)");
            VirtioMachine machine = machine("good").listening(line -> {
                if (line.startsWith("case group")) {
                    bypassed.set(service.metric(DeviceService.BYPASSING, ""));
                }
                tell(line);
            });
            machine.run("group:DMA-FQ", "ext4", "raw", "no-faults").requireGood();
            say("3. What the service has counted");
            counted(service, bypassed.get());
        }
        say("4. The service has stopped; its journal is whole, and a replay gives every status and digest again");
        say("5. Once more, and this time the service forgets one mapping that it has confirmed");
        List<String> planted = new ArrayList<>(options("planted"));
        planted.addAll(List.of("--plant", "map"));
        try (DeviceService service = DeviceService.start(home("planted"), planted)) {
            machine("planted").listening(this::tell).run("io-error").requireGood();
            long refused = service.metric(DeviceService.REFUSED, "");
            Check.that(refused > 0, "no access was refused");
            ok("accesses of the disk that the service has refused: " + refused);
        }
    }

    private Path home(String name) throws IOException {
        return Files.createDirectories(directory.resolve(name));
    }

    private List<String> options(String name) throws IOException {
        Path image = VirtioMachine.image(home(name), IMAGE_MIB, true);
        return List.of(
                "--vhost-user-iommu",
                home(name).resolve("iommu.sock") + ",input-range=" + WINDOW + ",endpoints=0x30",
                "--vhost-user-blk",
                "0x30," + home(name).resolve("disk.sock") + "," + image);
    }

    private VirtioMachine machine(String name) throws IOException {
        return new VirtioMachine("demo-" + name).quiet().withIommu(home(name)).withDisk(home(name));
    }

    private void counted(DeviceService service, long bypassedUntilAttached) {
        long translated = service.metric(DeviceService.TRANSLATED, "");
        Check.that(translated >= WRITTEN_AND_READ_BYTES, "translated bytes=" + translated);
        ok("bytes of the disk's DMA that were translated: " + translated);
        Check.equal(bypassedUntilAttached, service.metric(DeviceService.BYPASSING, ""), "bypassing bytes since ATTACH");
        ok("bytes that went past the mappings since the driver has attached the disk: 0");
        long requests = service.metric(DeviceService.REQUESTS, "");
        Check.equal(requests, service.metric(DeviceService.REQUESTS, DeviceService.OK), "requests answered OK");
        ok("requests of the driver, all of them answered OK: " + requests);
    }

    /** A case of the machine, in words. */
    private void tell(String line) {
        String[] words = line.split(" ", 3);
        if (words.length == 3 && words[0].equals("case") && words[2].equals("ok")) {
            ok(MEANINGS.getOrDefault(words[1], words[1]));
        }
    }

    private void say(String text) {
        out.println(text);
        out.flush();
    }

    private void ok(String text) {
        out.println("  ok  " + text);
        out.flush();
    }
}
