package org.pviommu.server.demo;

import java.util.HexFormat;
import java.util.Map;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.pviommu.server.Text;

/**
 * What a device can and cannot reach, checked from both ends: what the device moved against what the guest wrote or
 * then sees. Knows the layout, the guest and the device; knows nothing of the service's inside.
 */
final class DeviceProof {
    private static final int WINDOW_PAGES = 16;
    private static final int WINDOW_BYTES = WINDOW_PAGES * Pattern.PAGE_BYTES;
    private static final int EXCHANGED_PAGES = 16;
    private static final int WRITES = 32;
    private static final int WRITE_BYTES = 256;
    private static final int SHOWN = 3;

    private final Checks checks;
    private final GuestProcess guest;
    private final Device device;
    private final Random random;

    DeviceProof(Checks checks, GuestProcess guest, Device device, long seed) {
        this.checks = checks;
        this.guest = guest;
        this.device = device;
        this.random = new Random(seed);
    }

    /**
     * Reads through the whole gigabyte, at random places of each batch, and compares with what the guest put there.
     *
     * @param windowsPerBatch how many pieces of 16 pages to read of each batch of 128 pages
     */
    void everyBatchIsReachable(int windowsPerBatch, Progress progress) {
        long wrong = 0;
        long pages = 0;
        StringBuilder seen = new StringBuilder();
        // The guest keeps its operation arrays in the last pages, so the last batch is left out.
        for (long batch = 0; batch < Layout.PAGES - Layout.BATCH; batch += Layout.BATCH) {
            if (Layout.isReserved(batch)) {
                continue;
            }
            for (int window = 0; window < windowsPerBatch; window++) {
                long bfn = batch + random.nextInt(Layout.BATCH - WINDOW_PAGES + 1);
                Device.Outcome read = device.read(bfn, 0, WINDOW_BYTES);
                pages += WINDOW_PAGES;
                if (!read.isComplete(WINDOW_BYTES) || !Pattern.matches(read.data(), bfn)) {
                    wrong++;
                    seen.append(wrong <= SHOWN ? " bfn=" + Text.hex(bfn) + " " + read + ";" : "");
                }
            }
            progress.tick("device has read pages=" + pages);
        }
        checks.check(
                "the device reads what the guest wrote, through " + pages + " bfns, some of every batch",
                wrong == 0,
                "wrong or refused pieces=" + wrong + ":" + seen);
    }

    /** The device writes random bytes at random places; the guest looks. */
    void writesArrive() {
        int wrong = 0;
        String seen = "";
        for (int i = 0; i < WRITES; i++) {
            long page = Layout.PLAYGROUND + random.nextInt(0x1000);
            int offset = random.nextInt(Pattern.PAGE_BYTES - WRITE_BYTES);
            byte[] bytes = new byte[WRITE_BYTES];
            random.nextBytes(bytes);
            Device.Outcome written = device.write(page, offset, bytes);
            String inGuest = String.valueOf(guest.obey("read " + page + " " + offset + " " + WRITE_BYTES)
                    .get("hex"));
            if (!written.isComplete(WRITE_BYTES)
                    || !inGuest.equals(HexFormat.of().formatHex(bytes))) {
                wrong++;
                seen = "bfn=" + Text.hex(page) + " " + written + " guest sees " + inGuest.substring(0, 16);
            }
            guest.obey("fill " + page);
        }
        checks.check("the guest sees what the device wrote, " + WRITES + " times", wrong == 0, seen);
    }

    /** Places that nothing may reach: refused in both directions, and the memory behind them is as it was. */
    void refusals() {
        refused("an unmapped bfn", Layout.UNMAPPED);
        refused("the last bfn of the aperture", Layout.LAST_BFN);
        refused("a bfn beyond the aperture", Layout.LAST_BFN + 1);
        refused("an address in the MSI window", Layout.MSI_FIRST);
        refused("a hypervisor-reserved frame", Layout.RESERVED_FIRST);
        refused("the last hypervisor-reserved frame", Layout.RESERVED_LAST);
        unchanged("hypervisor-reserved frames", Layout.RESERVED_FIRST, Layout.RESERVED_LAST);
        readOnly();
        Map<String, @Nullable Object> sneaky =
                guest.obey("map " + Layout.UNMAPPED + " " + Layout.RESERVED_FIRST + " rw");
        checks.check(
                "mapping a hypervisor-reserved frame elsewhere is refused with EPERM",
                "EPERM".equals(sneaky.get("first_failed_status_name")),
                sneaky.toString());
        refused("the bfn of that attempt", Layout.UNMAPPED);
        Map<String, @Nullable Object> interrupt =
                guest.obey("map " + Layout.MSI_FIRST + " " + Layout.PLAYGROUND + " rw");
        checks.check(
                "mapping into the MSI window is refused with EADDRNOTAVAIL",
                "EADDRNOTAVAIL".equals(interrupt.get("first_failed_status_name")),
                interrupt.toString());
    }

    private void refused(String place, long bfn) {
        Device.Outcome read = device.read(bfn, 0, 64);
        checks.check("reading " + place + " is refused", read.isRefused(), "bfn=" + Text.hex(bfn) + " " + read);
        Device.Outcome write = device.write(bfn, 0, new byte[64]);
        checks.check("writing " + place + " is refused", write.isRefused(), "bfn=" + Text.hex(bfn) + " " + write);
    }

    private void readOnly() {
        Device.Outcome read = device.read(Layout.READ_ONLY_FIRST, 0, Pattern.PAGE_BYTES);
        checks.check(
                "a read-only bfn can be read",
                read.isComplete(Pattern.PAGE_BYTES) && Pattern.matches(read.data(), Layout.READ_ONLY_FIRST),
                read.toString());
        Device.Outcome write = device.write(Layout.READ_ONLY_FIRST, 0, new byte[64]);
        checks.check("writing a read-only bfn is refused", write.isRefused(), write.toString());
        unchanged("read-only frames", Layout.READ_ONLY_FIRST, Layout.READ_ONLY_LAST);
    }

    private void unchanged(String what, long first, long last) {
        long pages = last - first + 1;
        Map<String, @Nullable Object> answer = guest.obey("check " + first + " " + pages);
        checks.check(what + " are as the guest left them", Device.number(answer, "intact") == pages, answer.toString());
    }

    /** The device has just used a page, so its translation is cached; when unmap returns, it must be gone for good. */
    void unmapTakesEffectAtOnce() {
        int reached = 0;
        String seen = "";
        for (long bfn = Layout.PLAYGROUND; bfn < Layout.PLAYGROUND + EXCHANGED_PAGES; bfn++) {
            Device.Outcome before = device.read(bfn, 0, 64);
            done("unmap " + bfn);
            Device.Outcome read = device.read(bfn, 0, 64);
            Device.Outcome write = device.write(bfn, 0, new byte[64]);
            if (!before.isComplete(64) || !read.isRefused() || !write.isRefused()) {
                reached++;
                seen = "bfn=" + Text.hex(bfn) + " before: " + before + ", after unmap returned: read " + read
                        + ", write " + write;
            }
        }
        checks.check(
                "a page is out of the device's reach when its unmap returns, " + EXCHANGED_PAGES + " times",
                reached == 0,
                "still reached=" + reached + " last " + seen);
        unchanged("unmapped frames", Layout.PLAYGROUND, Layout.PLAYGROUND + EXCHANGED_PAGES - 1);
    }

    /** The bfns of the step before are given other frames, then their own again. */
    void remapReachesTheNewFrame() {
        long other = Layout.PLAYGROUND + 0x2000;
        done("map " + Layout.PLAYGROUND + " " + other + " rw " + EXCHANGED_PAGES);
        shows("a bfn that was mapped anew reaches its new frame", Layout.PLAYGROUND, other);
        done("unmap " + Layout.PLAYGROUND + " " + EXCHANGED_PAGES);
        done("map " + Layout.PLAYGROUND + " " + Layout.PLAYGROUND + " rw " + EXCHANGED_PAGES);
        shows("and its old one after it was mapped back", Layout.PLAYGROUND, Layout.PLAYGROUND);
    }

    private void shows(String promise, long bfn, long mfn) {
        int bytes = EXCHANGED_PAGES * Pattern.PAGE_BYTES;
        Device.Outcome read = device.read(bfn, 0, bytes);
        checks.check(
                promise,
                read.isComplete(bytes) && Pattern.matches(read.data(), mfn),
                "bfn=" + Text.hex(bfn) + " expected mfn=" + Text.hex(mfn) + " " + read);
    }

    private void done(String command) {
        Map<String, @Nullable Object> answer = guest.obey(command);
        if (Device.number(answer, "failed") != 0 || Device.number(answer, "result") != 0) {
            checks.check("guest: " + command, false, answer.toString());
        }
    }
}
