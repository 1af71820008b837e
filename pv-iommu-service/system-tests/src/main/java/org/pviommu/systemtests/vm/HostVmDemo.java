package org.pviommu.systemtests.vm;

import java.io.PrintStream;
import java.util.List;

/**
 * {@code pvi demo --host-vm}: what the service does for a device, on a real kernel's IOMMU, in a few lines. Ends with {@code demo: OK}
 * and exit code 0, or {@code demo: FAILED} and 1.
 */
public final class HostVmDemo {
    private static final int PAGE = EduDevice.BUFFER_BYTES;
    private static final long FROM_BFN = 0x40000;
    private static final long TO_BFN = 0x50000;
    private static final int PAGES = 512;
    private static final int SHOWN_BYTES = 16;
    private static final int WORD = Integer.BYTES;

    private final PrintStream out = System.out;
    private final KernelLog kernel = KernelLog.start();

    private HostVmDemo() {}

    /** No arguments. */
    public static void main(String[] arguments) {
        int code = 0;
        try {
            new HostVmDemo().run();
            System.out.println("demo: OK");
        } catch (RuntimeException | AssertionError wrong) {
            wrong.printStackTrace();
            System.out.println("  FAILED  " + wrong.getMessage());
            System.out.println("demo: FAILED");
            code = 1;
        }
        System.exit(code);
    }

    private void run() {
        try (EduDevice edu = EduDevice.all().getFirst()) {
            say("1. A machine with an IOMMU (VT-d, emulated) and a PCI device that does DMA: " + edu.address());
            blocked(edu, TO_BFN, "before anything is mapped, the device reaches nothing");
            say("2. The service starts on the kernel's iommufd, and a guest written in C connects");
            try (VmService service = VmService.start(VmService.ROOT, "iommufd", configuration(edu));
                    VmGuest guest = VmGuest.start(service)) {
                edu.enable();
                run(edu, guest);
            }
            kernel.requireNoComplaint();
            say("6. The service has stopped, and the kernel has no complaint");
        }
    }

    private static List<String> configuration(EduDevice edu) {
        return List.of("guests:", "  " + VmGuest.ID + ":", "    endpoints:", "      - id: \"" + edu.address() + "\"");
    }

    private void run(EduDevice edu, VmGuest guest) {
        long toMfn = VmGuest.FIRST_MFN + PAGES;
        guest.fill(VmGuest.FIRST_MFN, PAGES + 1);
        say("3. The guest maps " + PAGES + " pages, and one more, by hypercalls");
        Check.equal("OK", guest.map(FROM_BFN, VmGuest.FIRST_MFN, "rw", PAGES), "status");
        Check.equal("OK", guest.map(TO_BFN, toMfn, "rw", 1), "status");
        edu.copy(FROM_BFN * PAGE, TO_BFN * PAGE, PAGE);
        String sent = guest.read(VmGuest.FIRST_MFN, 0, PAGE);
        Check.equal(sent, guest.read(toMfn, 0, PAGE), "what the device copied");
        ok("the device has copied a page from bfn 0x40000 to bfn 0x50000: " + sent.substring(0, 2 * SHOWN_BYTES)
                + "...");
        say("4. The guest unmaps the one page");
        Check.equal("OK", guest.unmap(TO_BFN, 1), "status");
        guest.fill(toMfn, 1);
        blocked(edu, TO_BFN, "the device is refused");
        Check.equal(1L, guest.intact(toMfn, 1), "intact pages");
        ok("the page is as the guest left it");
        say("5. The guest takes one page out of the " + PAGES);
        Check.equal("OK", guest.unmap(FROM_BFN + 1, 1), "status");
        blocked(edu, FROM_BFN + 1, "the device is refused there");
        edu.copy(FROM_BFN * PAGE, (FROM_BFN + 2) * PAGE, PAGE);
        Check.equal(sent, guest.read(VmGuest.FIRST_MFN + 2, 0, PAGE), "what the device copied");
        ok("and copies from the page before it to the page behind it");
    }

    private void blocked(EduDevice edu, long bfn, String what) {
        int mark = kernel.quiet();
        edu.writeMemory(bfn * PAGE, WORD);
        String line = kernel.awaitRefusal(mark, edu, bfn * PAGE, true);
        ok(what + "; the kernel says:");
        out.println("      " + line);
        out.flush();
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
