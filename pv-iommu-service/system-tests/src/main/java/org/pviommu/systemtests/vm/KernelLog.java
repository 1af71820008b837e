package org.pviommu.systemtests.vm;

import java.io.FileInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.regex.Pattern;

/**
 * What the kernel says. A thread of its own reads it, as a reader has to wait for the next message.
 *
 * <p>The kernel prints no more than a few refused accesses in five seconds, so one whose report has to be seen is provoked after
 * {@link #quiet}.
 */
final class KernelLog {
    private static final int RECORD_BYTES = 8192;
    private static final long RATE_LIMIT_NS = 5_500_000_000L;
    private static final long HANG_GUARD_NS = 30_000_000_000L;
    private static final long POLL_MS = 20;
    /** The reader takes a record in much less. */
    private static final long CATCH_UP_MS = 500;

    private static final Pattern REFUSAL = Pattern.compile("DMAR: (DRHD: handling fault|\\[DMA ).*");
    /** How the kernel begins when it has found a mistake of its own, or one of ours that it should have refused. */
    private static final Pattern COMPLAINT = Pattern.compile(
            "(?i).*(warning: |\\bbug: |call trace|\\boops\\b|refcount_t|use-after-free|general protection|rcu_.*stall|hung_task).*");

    private final List<String> lines = new CopyOnWriteArrayList<>();
    private volatile long lastRefusalNs = System.nanoTime() - RATE_LIMIT_NS;

    /** Begins to read; returns when all that was said since the kernel's start has been read. */
    static KernelLog start() {
        KernelLog log = new KernelLog();
        Thread reader = new Thread(log::read, "kernel-log");
        reader.setDaemon(true);
        reader.start();
        int before;
        do {
            before = log.lines.size();
            Pause.milliseconds(CATCH_UP_MS);
        } while (log.lines.isEmpty() || log.lines.size() != before);
        return log;
    }

    /** A record is {@code priority,number,microseconds,flags;text}, and perhaps lines with keys. */
    private void read() {
        byte[] record = new byte[RECORD_BYTES];
        try (FileInputStream messages = new FileInputStream("/dev/kmsg")) {
            while (true) {
                int length = messages.read(record);
                keep(new String(record, 0, length, StandardCharsets.UTF_8));
            }
        } catch (IOException unreadable) {
            throw new UncheckedIOException(unreadable);
        }
    }

    private void keep(String record) {
        String line =
                record.substring(record.indexOf(';') + 1).lines().findFirst().orElse("");
        if (REFUSAL.matcher(line).matches()) {
            lastRefusalNs = System.nanoTime();
        }
        lines.add(line);
    }

    /** Waits until the kernel is willing to report a refused access; then a place in the log to look from. */
    int quiet() {
        while (System.nanoTime() - lastRefusalNs < RATE_LIMIT_NS) {
            Pause.milliseconds(POLL_MS);
        }
        return lines.size();
    }

    /** Waits for the kernel's report, behind {@code mark}, that this device was refused at this page; the line. */
    String awaitRefusal(int mark, EduDevice device, long iova, boolean write) {
        String kind = write ? "[DMA Write" : "[DMA Read";
        String requester =
                device.address().substring("0000:".length()) + "]"; // with and, before Linux 7, without the segment
        String page = String.format(Locale.ROOT, "fault addr 0x%x ", iova & -EduDevice.BUFFER_BYTES);
        long deadlineNs = System.nanoTime() + HANG_GUARD_NS;
        while (System.nanoTime() - deadlineNs < 0) {
            for (String line : since(mark)) {
                if (line.contains(kind) && line.contains(requester) && (line + " ").contains(page)) {
                    return line;
                }
            }
            Pause.milliseconds(POLL_MS);
        }
        throw new AssertionError("no report of " + kind + "] [" + requester + " " + page + "in " + since(mark));
    }

    /** What was said behind a mark. */
    List<String> since(int mark) {
        List<String> known = List.copyOf(lines); // the reader goes on meanwhile
        return known.subList(mark, known.size());
    }

    /** Fails when the kernel has complained of anything but refused accesses. */
    void requireNoComplaint() {
        for (String line : lines) {
            Check.that(!COMPLAINT.matcher(line).matches(), "the kernel complains: " + line);
        }
    }
}
