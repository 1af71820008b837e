package org.pviommu.systemtests.vm;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * The whole service on the kernel's IOMMU: a guest maps by hypercalls, a device does DMA. Arguments: host (iommufd, vfio-type1), and
 * whether it can take a page out of a larger mapping (cuts, or refuses-cuts).
 *
 * <p>Each blocked access is judged by memory, which must not change; the kernel's own report of it is required where {@link
 * KernelLog}'s patience permits.
 */
public final class ServiceScenario {
    private static final int PAGE = EduDevice.BUFFER_BYTES;
    private static final int HUGE_PAGES = 512;
    /** 2 MiB of bus addresses that begin at a multiple of it. */
    private static final long BIG_BFN = 0x40000;

    private static final long BIG_MFN = VmGuest.FIRST_MFN;
    private static final long SMALL_BFN = 0x50000;
    private static final long SMALL_MFN = VmGuest.FIRST_MFN + HUGE_PAGES;
    private static final long READ_ONLY_BFN = 0x60000;
    private static final long READ_ONLY_MFN = SMALL_MFN + 64;
    private static final long SECRET_MFN = READ_ONLY_MFN + 64;
    private static final long NOWHERE_BFN = 0x70000;
    private static final int CUT = 200;
    private static final int WORD = Integer.BYTES;
    /** The limit is what the service asks for with the quota of {@link #configuration}, and some more. */
    private static final VmService.Owner UNPRIVILEGED = new VmService.Owner("pvi", "131072");

    private static final int UNPRIVILEGED_UID = 1000;

    private final Cases cases;
    private final String host;
    private final boolean cuts;
    private final EduDevice edu;
    private final KernelLog kernel = KernelLog.start();

    private ServiceScenario(Cases cases, String host, boolean cuts, EduDevice edu) {
        this.cases = cases;
        this.host = host;
        this.cuts = cuts;
        this.edu = edu;
    }

    /** Exit code 0: all cases held. */
    public static void main(String[] arguments) {
        Cases cases = new Cases(System.out);
        try (EduDevice edu = EduDevice.all().getFirst()) {
            new ServiceScenario(cases, arguments[0], arguments[1].equals("cuts"), edu).run();
        }
        System.exit(cases.exitCode());
    }

    private void run() {
        cases.run("service-as-root", this::runAsRoot);
        cases.run("service-without-root", this::runWithoutRoot);
        cases.run("names-the-lock-limit", this::namesTheLockLimit);
        cases.run("kernel-does-not-complain", kernel::requireNoComplaint);
    }

    private List<String> configuration() {
        return List.of(
                "backend: {vfio-type1: {remap: " + (cuts && host.equals("vfio-type1")) + "}}",
                "guests:",
                "  " + VmGuest.ID + ":",
                "    quotas: {max-mapped-frames: 4096}",
                "    endpoints:",
                "      - id: \"" + edu.address() + "\"");
    }

    private void runAsRoot() {
        try (VmService service = VmService.start(VmService.ROOT, host, configuration());
                VmGuest guest = VmGuest.start(service)) {
            edu.enable();
            guest.fill(VmGuest.FIRST_MFN, VmGuest.FRAMES);
            requireOk(guest.map(BIG_BFN, BIG_MFN, "rw", HUGE_PAGES));
            cases.run("copies-a-page", () -> copies(guest, BIG_BFN + 3, BIG_MFN + 3, BIG_BFN + 7, BIG_MFN + 7));
            cases.run("copies-across-pages", () -> copiesAcrossPages(guest));
            cases.run(
                    "copies-the-last-page-of-2-mib",
                    () -> copies(guest, BIG_BFN + HUGE_PAGES - 1, BIG_MFN + HUGE_PAGES - 1, BIG_BFN + 9, BIG_MFN + 9));
            cases.run("is-blocked-behind-the-last-page", () -> blockedWrite(guest, BIG_BFN + HUGE_PAGES, SMALL_MFN));
            cases.run(cuts ? "cuts-a-page-out" : "refuses-to-cut", () -> cut(guest));
            cases.run("is-blocked-where-nothing-is-mapped", () -> blockedWrite(guest, NOWHERE_BFN, SMALL_MFN));
            cases.run("is-blocked-on-a-read-only-page", () -> readOnly(guest));
            cases.run("obeys-unmap-and-remap", () -> unmapAndRemap(guest));
            cases.run("reads-nothing-that-is-unmapped", () -> readsNothing(guest));
            requireOk(guest.unmap(SMALL_BFN, 2));
        }
    }

    /** The destination must differ before, or the copy would prove nothing. */
    private void copies(VmGuest guest, long fromBfn, long fromMfn, long toBfn, long toMfn) {
        guest.fill(fromMfn, 1);
        guest.fill(toMfn, 1);
        Check.that(!guest.read(fromMfn, 0, PAGE).equals(guest.read(toMfn, 0, PAGE)), "both pages are alike already");
        edu.copy(fromBfn * PAGE, toBfn * PAGE, PAGE);
        Check.that(guest.read(fromMfn, 0, PAGE).equals(guest.read(toMfn, 0, PAGE)), "the page did not arrive");
    }

    private void copiesAcrossPages(VmGuest guest) {
        int half = PAGE / 2;
        int quarter = PAGE / 4;
        edu.copy((BIG_BFN + 20) * PAGE + half, (BIG_BFN + 30) * PAGE + quarter, PAGE);
        String sent = guest.read(BIG_MFN + 20, half, half) + guest.read(BIG_MFN + 21, 0, half);
        String arrived = guest.read(BIG_MFN + 30, quarter, PAGE - quarter) + guest.read(BIG_MFN + 31, 0, quarter);
        Check.that(sent.equals(arrived), "what crossed pages did not arrive");
    }

    /** A write to nowhere: the kernel reports it, and no frame of the guest changes. */
    private void blockedWrite(VmGuest guest, long bfn, long watchedMfn) {
        guest.fill(watchedMfn, 1);
        int mark = kernel.quiet();
        edu.writeMemory(bfn * PAGE, WORD);
        kernel.awaitRefusal(mark, edu, bfn * PAGE, true);
        Check.equal(1L, guest.intact(watchedMfn, 1), "intact pages");
    }

    private void cut(VmGuest guest) {
        String status = guest.unmap(BIG_BFN + CUT, 1);
        if (!cuts) {
            Check.equal("EBUSY", status, "status of the cut");
            copies(guest, BIG_BFN + CUT, BIG_MFN + CUT, BIG_BFN + CUT + 1, BIG_MFN + CUT + 1);
            return;
        }
        requireOk(status);
        blockedWrite(guest, BIG_BFN + CUT, BIG_MFN + CUT);
        copies(guest, BIG_BFN + CUT - 1, BIG_MFN + CUT - 1, BIG_BFN + CUT + 1, BIG_MFN + CUT + 1);
        requireOk(guest.map(BIG_BFN + CUT, SMALL_MFN + 5, "rw", 1));
        copies(guest, BIG_BFN + CUT, SMALL_MFN + 5, BIG_BFN + CUT + 1, BIG_MFN + CUT + 1);
    }

    private void readOnly(VmGuest guest) {
        guest.fill(READ_ONLY_MFN, 1);
        requireOk(guest.map(READ_ONLY_BFN, READ_ONLY_MFN, "r", 1));
        int mark = kernel.quiet();
        edu.writeMemory(READ_ONLY_BFN * PAGE, WORD);
        kernel.awaitRefusal(mark, edu, READ_ONLY_BFN * PAGE, true);
        Check.equal(1L, guest.intact(READ_ONLY_MFN, 1), "intact pages");
        edu.copy(READ_ONLY_BFN * PAGE, (BIG_BFN + 40) * PAGE, PAGE);
        Check.equal(guest.read(READ_ONLY_MFN, 0, PAGE), guest.read(BIG_MFN + 40, 0, PAGE), "what was read");
        requireOk(guest.unmap(READ_ONLY_BFN, 1));
    }

    private void unmapAndRemap(VmGuest guest) {
        requireOk(guest.map(SMALL_BFN, SMALL_MFN, "rw", 1));
        copies(guest, BIG_BFN + 50, BIG_MFN + 50, SMALL_BFN, SMALL_MFN);
        requireOk(guest.unmap(SMALL_BFN, 1));
        blockedWrite(guest, SMALL_BFN, SMALL_MFN);
        requireOk(guest.map(SMALL_BFN, SMALL_MFN + 1, "rw", 2));
        copies(guest, BIG_BFN + 50, BIG_MFN + 50, SMALL_BFN, SMALL_MFN + 1);
        Check.equal(1L, guest.intact(SMALL_MFN, 1), "intact pages of the old frame");
    }

    private void readsNothing(VmGuest guest) {
        guest.fill(SECRET_MFN, 1);
        requireOk(guest.map(NOWHERE_BFN, SECRET_MFN, "rw", 1));
        requireOk(guest.unmap(NOWHERE_BFN, 1));
        int mark = kernel.quiet();
        edu.readMemory(NOWHERE_BFN * PAGE, WORD);
        edu.writeMemory((BIG_BFN + 60) * PAGE, WORD);
        kernel.awaitRefusal(mark, edu, NOWHERE_BFN * PAGE, false);
        Check.that(
                !guest.read(SECRET_MFN, 0, WORD).equals(guest.read(BIG_MFN + 60, 0, WORD)), "the device has read it");
    }

    /** As a user who was given the nodes; then killed in the middle of its work; then started again. */
    private void runWithoutRoot() {
        giveNodesTo("pvi");
        try (VmService service = VmService.start(UNPRIVILEGED, host, configuration());
                VmGuest guest = VmGuest.start(service)) {
            cases.run("works-without-root", () -> {
                Check.equal(UNPRIVILEGED_UID, service.uid(), "user of the service");
                worksWith(guest);
                blockedWrite(guest, NOWHERE_BFN, SMALL_MFN);
            });
            cases.run("killed-service-blocks-the-device", () -> {
                service.kill();
                edu.enable();
                blockedWrite(guest, BIG_BFN + 3, BIG_MFN + 3);
            });
        }
        try (VmService next = VmService.start(UNPRIVILEGED, host, configuration());
                VmGuest guest = VmGuest.start(next)) {
            cases.run("next-service-takes-the-device", () -> worksWith(guest));
        }
    }

    private void worksWith(VmGuest guest) {
        edu.enable();
        guest.fill(VmGuest.FIRST_MFN, VmGuest.FRAMES);
        requireOk(guest.map(BIG_BFN, BIG_MFN, "rw", HUGE_PAGES));
        copies(guest, BIG_BFN + 3, BIG_MFN + 3, BIG_BFN + 7, BIG_MFN + 7);
    }

    /** What a udev rule would do. */
    private void giveNodesTo(String user) {
        for (String node : List.of("/dev/iommu", edu.node(), "/dev/vfio/vfio", "/dev/vfio/" + edu.group())) {
            if (Files.exists(Path.of(node))) {
                VmService.run("chown", user, node);
            }
        }
    }

    private void namesTheLockLimit() {
        giveNodesTo("pvi");
        VmService service = VmService.launch(new VmService.Owner("pvi", "64"), host, configuration());
        int code = service.awaitEnd();
        Check.that(code != 0, "exit code 0 with a limit of 64 KiB");
        Check.that(
                service.log().contains("65536") && service.log().contains("LimitMEMLOCK="),
                "the message names neither the limit nor what is needed: " + service.log());
    }

    private static void requireOk(String status) {
        Check.equal("OK", status, "status");
    }
}
