package org.pviommu.systemtests.service;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.fail;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * What the log of the example guest's work says (its form is described in {@code dom0-guest/work.c}): what was acknowledged,
 * what was in flight, and what must therefore be mapped. One thread.
 */
final class WorkLog {
    /** A batch: page {@code bfn + i} gets frame {@code mfn + count - 1 - i}, or is unmapped. */
    record Batch(long number, boolean maps, long bfn, int count, long mfn) {
        long frame(int page) {
            return mfn + count - 1 - page;
        }
    }

    private final Path file;
    private long read;

    private final Map<Long, Long> pages = new TreeMap<>();
    private final Set<Long> uncertain = new HashSet<>();
    private @Nullable Batch inFlight;
    private long doneBatches;
    private long donePages;
    private long doneSinceBack;
    private int backs;
    private int verified;
    private int lost;
    private int torn;
    private int landed;
    private long lastLost;
    private boolean ended;

    WorkLog(Path file) {
        this.file = file;
    }

    /** Takes what was written since; a line without its end is not there yet. */
    void update() {
        if (!Files.exists(file)) {
            return;
        }
        try (RandomAccessFile input = new RandomAccessFile(file.toFile(), "r")) {
            byte[] bytes = new byte[(int) (input.length() - read)];
            input.seek(read);
            input.readFully(bytes);
            String text = new String(bytes, StandardCharsets.US_ASCII);
            String whole = text.substring(0, text.lastIndexOf('\n') + 1);
            read += whole.length();
            whole.lines().forEach(line -> take(line.split(" ")));
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    private void take(String[] words) {
        switch (words[0]) {
            case "submit" -> inFlight = batch(words);
            case "done" -> done(batch(words));
            case "lost" -> {
                lost++;
                lastLost = Long.parseLong(words[1]);
            }
            case "back" -> {
                backs++;
                doneSinceBack = 0;
            }
            case "found" -> found(Long.parseLong(words[1]), Integer.parseInt(words[2]));
            case "verified" -> {
                verified++;
                assertEquals("0", words[2], "pages that are not as they were acknowledged");
            }
            case "end" -> ended = true;
            default -> fail("the guest's log says: " + String.join(" ", words));
        }
    }

    private static Batch batch(String[] words) {
        return new Batch(
                Long.parseLong(words[1]),
                words[2].equals("map"),
                Long.parseLong(words[3]),
                Integer.parseInt(words[4]),
                Long.parseLong(words[5]));
    }

    private void done(Batch batch) {
        assertEquals(inFlight, batch, "answered without having been asked");
        inFlight = null;
        doneBatches++;
        doneSinceBack++;
        donePages += batch.count();
        apply(batch);
    }

    private void apply(Batch batch) {
        for (int i = 0; i < batch.count(); i++) {
            uncertain.remove(batch.bfn() + i);
            if (batch.maps()) {
                pages.put(batch.bfn() + i, batch.frame(i));
            } else {
                pages.remove(batch.bfn() + i);
            }
        }
    }

    private void found(long number, int inEffect) {
        Batch batch = inFlight;
        if (batch == null || batch.number() != number) {
            fail("found=" + number + " in flight=" + batch);
            return;
        }
        inFlight = null;
        if (inEffect == batch.count()) {
            landed++;
            apply(batch);
        } else if (inEffect > 0) {
            torn++;
            markUncertain(batch);
        }
    }

    private void markUncertain(Batch batch) {
        for (int i = 0; i < batch.count(); i++) {
            uncertain.add(batch.bfn() + i);
        }
    }

    /** Waits until it says so. */
    void await(String what, BooleanSupplier condition, InteractiveGuest guest) {
        Guard.eventually(
                what,
                () -> {
                    update();
                    return condition.getAsBoolean() || !guest.isAlive();
                },
                this::toString);
        if (!condition.getAsBoolean()) {
            fail(what + ", but the guest has ended: " + this);
        }
    }

    /** The dump of an address space, from {@code firstBfn} on, is what was acknowledged; batches in flight may have happened or not. */
    void requireSame(Map<Long, Rest.Reach> dump, long firstBfn) {
        if (inFlight != null) {
            markUncertain(inFlight);
        }
        Map<Long, Long> expected = new TreeMap<>(pages);
        expected.keySet().removeAll(uncertain);
        Map<Long, Long> actual = new TreeMap<>();
        dump.forEach((bfn, reach) -> {
            if (bfn >= firstBfn && !uncertain.contains(bfn)) {
                assertEquals("rw", reach.access());
                actual.put(bfn, reach.mfn());
            }
        });
        assertEquals(expected, actual);
    }

    /** Number of the batch that was submitted and not answered; 0 for none. */
    long inFlight() {
        return inFlight == null ? 0 : inFlight.number();
    }

    long doneBatches() {
        return doneBatches;
    }

    long donePages() {
        return donePages;
    }

    /** Batches acknowledged since the guest came back the last time. */
    long doneSinceBack() {
        return doneSinceBack;
    }

    int backs() {
        return backs;
    }

    int verified() {
        return verified;
    }

    int lost() {
        return lost;
    }

    long lastLost() {
        return lastLost;
    }

    /** Lost batches that had happened in part. */
    int torn() {
        return torn;
    }

    /** Lost batches that had happened as a whole. */
    int landed() {
        return landed;
    }

    boolean ended() {
        return ended;
    }

    @Override
    public String toString() {
        return "done=" + doneBatches + " in flight=" + inFlight + " lost=" + lost + " back=" + backs + " verified="
                + verified;
    }
}
