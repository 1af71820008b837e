package org.pviommu.fuzz;

import static org.pviommu.fuzz.Finding.check;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.pviommu.virtio.queue.Chain;
import org.pviommu.virtio.queue.QueueSettings;
import org.pviommu.virtio.queue.SplitQueue;

/**
 * The device's side of a split queue: an input is what a driver writes to its ring, and what the device does with it.
 *
 * <p>Each request is compared with what a naive walk over the same descriptors says: whether it is one, and all of its bytes. Only
 * the used ring and the writable part of a request are ever written; a broken queue writes nothing.
 */
public final class QueueTarget {
    /** Name on the command line and folder of the corpus. */
    public static final String NAME = "queue";

    private static final int MAX_STEPS = 128;
    private static final int INDEX_MASK = 0xffff;

    private record Buffer(long address, long length, boolean write) {}

    private final Input input;
    private final int size;
    private final QueueSettings settings;
    private final RingMemory memory;
    private final SplitQueue queue;
    private final Chain chain;
    private final Deque<Integer> inFlight = new ArrayDeque<>();
    private final byte[] bytes = new byte[8192];
    private int nextAvailable;
    /** As far as the device has looked. */
    private int seen;

    private int nextUsed;
    private int published;
    private boolean broken;

    private QueueTarget(Input input) {
        this.input = input;
        this.size = 1 << input.below(5);
        int mood = input.u8();
        this.settings = new QueueSettings((mood & 1) != 0, (mood & 2) != 0, (mood & 4) != 0 ? 256 : 8192);
        this.memory = new RingMemory(size);
        this.nextAvailable = (mood & 8) != 0 ? INDEX_MASK - input.below(4) : 0;
        memory.setAvailable(nextAvailable);
        memory.first().set(RingMemory.U16, RingMemory.USED + 2, (short) nextAvailable);
        this.seen = nextAvailable;
        this.nextUsed = nextAvailable;
        this.published = nextAvailable;
        this.queue = SplitQueue.open(
                RingMemory.space(),
                RingMemory.space(),
                memory.addresses(),
                RingMemory.MAX_SIZE,
                nextAvailable,
                settings);
        this.chain = new Chain(size);
    }

    /** What the fuzzer calls. */
    public static void fuzzerTestOneInput(byte[] bytes) {
        Finding.guard(NAME, bytes, () -> new QueueTarget(new Input(bytes)).live());
    }

    private void live() {
        for (int step = 0; step < MAX_STEPS && input.hasMore(); step++) {
            act(input.below(12));
            RingMemory.checkGaps();
        }
    }

    private void act(int action) {
        switch (action) {
            case 0 -> memory.setAvailable(input.u16());
            case 1 -> writeBytes();
            case 2 -> writeTable();
            case 3, 4, 5 -> writeDescriptor();
            case 6, 7 -> memory.offer(input.below(16) == 0 ? input.u16() : input.below(size));
            case 8, 9 -> take();
            case 10 -> give();
            default -> notifications();
        }
    }

    private void writeBytes() {
        byte[] raw = input.take(1 + input.below(32));
        long at = input.u16() % (RingMemory.FIRST_BYTES - raw.length);
        MemorySegment.copy(raw, 0, memory.first(), ValueLayout.JAVA_BYTE, at, raw.length);
    }

    private void writeDescriptor() {
        int flags = input.below(16) == 0 ? input.u16() : input.below(4);
        memory.descriptor(
                input.below(size),
                RingMemory.address(input),
                RingMemory.length(input),
                flags,
                input.below(8) == 0 ? input.u16() : input.below(size));
    }

    /** An indirect table of a few entries, and a descriptor that leads to it. */
    private void writeTable() {
        int entries = 1 + input.below(size + 1);
        long at = RingMemory.DATA + 16L * input.below(64);
        for (int i = 0; i < entries; i++) {
            int flags = input.below(16) == 0 ? input.u16() : input.below(4);
            memory.descriptorAt(
                    at + 16L * i, RingMemory.address(input), RingMemory.length(input), flags, input.below(entries + 1));
        }
        int odd = input.below(8) == 0 ? input.below(32) : 0;
        int flags = RingMemory.INDIRECT | (input.below(8) == 0 ? input.below(4) : 0);
        memory.descriptor(input.below(size), RingMemory.GUEST + at, 16 * entries + odd, flags, input.below(size));
    }

    /** One request, and what the naive walk says that it has to be. */
    private void take() {
        List<Integer> rejected = new ArrayList<>();
        SplitQueue.Next expected = SplitQueue.Next.EMPTY;
        List<Buffer> buffers = List.of();
        for (int looked = 0; looked <= size; looked++) {
            expected = state();
            if (expected != SplitQueue.Next.REQUEST) {
                break;
            }
            int head = memory.head(nextAvailable);
            nextAvailable = (nextAvailable + 1) & INDEX_MASK;
            List<Buffer> walked = walk(head);
            if (walked != null) {
                inFlight.add(head);
                buffers = walked;
                break;
            }
            // The device answers it before it looks on, and that may be where a table lies.
            memory.putUsed(nextUsed + rejected.size(), head, 0);
            rejected.add(head);
            expected = SplitQueue.Next.EMPTY;
        }
        broken |= expected == SplitQueue.Next.BROKEN;
        RingMemory.remember();
        SplitQueue.Next found = queue.next(chain);
        check(found == expected, "next is %s, expected %s", found, expected);
        memory.checkOnlyUsedChanged();
        for (int head : rejected) {
            checkUsed(head, 0);
        }
        check(queue.nextAvailable() == nextAvailable, "next=%d expected=%d", queue.nextAvailable(), nextAvailable);
        if (found == SplitQueue.Next.REQUEST) {
            checkRequest(buffers);
        }
    }

    private SplitQueue.Next state() {
        if (broken) {
            return SplitQueue.Next.BROKEN;
        }
        if (seen == nextAvailable) {
            int waiting = (memory.availableIndex() - nextAvailable) & INDEX_MASK;
            if (waiting > size) {
                return SplitQueue.Next.BROKEN;
            }
            seen = memory.availableIndex();
            if (waiting == 0) {
                return SplitQueue.Next.EMPTY;
            }
        }
        boolean impossible = memory.head(nextAvailable) >= size || inFlight.size() == size;
        return impossible ? SplitQueue.Next.BROKEN : SplitQueue.Next.REQUEST;
    }

    /** The buffers of a chain, null when it breaks a rule. */
    private @Nullable List<Buffer> walk(int head) {
        List<Buffer> buffers = new ArrayList<>();
        MemorySegment table = memory.first().asSlice(RingMemory.DESCRIPTORS, 16L * size);
        int index = head;
        boolean indirect = false;
        while (true) {
            long entry = 16L * index;
            if (entry + 16 > table.byteSize()) {
                return null;
            }
            long address = table.get(RingMemory.U64, entry);
            long length = Integer.toUnsignedLong(table.get(RingMemory.U32, entry + 8));
            int flags = table.get(RingMemory.U16, entry + 12) & 0xffff;
            if ((flags & RingMemory.INDIRECT) != 0) {
                boolean allowed = settings.indirect() && !indirect && (flags & RingMemory.NEXT) == 0;
                byte[] copy = allowed && length > 0 && length % 16 == 0 && length <= 16L * size
                        ? read(address, length)
                        : null;
                if (copy == null) {
                    return null;
                }
                table = MemorySegment.ofArray(copy);
                indirect = true;
                index = 0;
                continue;
            }
            buffers.add(new Buffer(address, length, (flags & RingMemory.WRITE) != 0));
            if (!isAllowed(buffers)) {
                return null;
            }
            if ((flags & RingMemory.NEXT) == 0) {
                return buffers;
            }
            index = table.get(RingMemory.U16, entry + 14) & 0xffff;
        }
    }

    private boolean isAllowed(List<Buffer> buffers) {
        long sum = 0;
        boolean writable = false;
        for (Buffer each : buffers) {
            sum += each.length();
            if ((writable && !each.write()) || sum > settings.maxRequestBytes()) {
                return false;
            }
            writable |= each.write();
        }
        Buffer last = buffers.getLast();
        return buffers.size() <= size && read(last.address(), last.length()) != null;
    }

    /** The bytes there, one by one; null when one of them is nowhere. */
    private static byte @Nullable [] read(long address, long length) {
        byte[] copy = new byte[(int) length];
        for (int i = 0; i < copy.length; i++) {
            MemorySegment there = RingMemory.at(address + i);
            if (there == null) {
                return null;
            }
            copy[i] = there.get(ValueLayout.JAVA_BYTE, 0);
        }
        return copy;
    }

    private void checkRequest(List<Buffer> buffers) {
        long readable = 0;
        long writable = 0;
        byte[] all = new byte[8192];
        for (Buffer each : buffers) {
            if (each.write()) {
                writable += each.length();
            } else {
                byte[] part = Objects.requireNonNull(read(each.address(), each.length()));
                System.arraycopy(part, 0, all, (int) readable, part.length);
                readable += each.length();
            }
        }
        check(chain.readableBytes() == readable, "readable=%d expected=%d", chain.readableBytes(), readable);
        check(chain.writableBytes() == writable, "writable=%d expected=%d", chain.writableBytes(), writable);
        check(chain.head() == inFlight.getLast(), "head=%d expected=%d", chain.head(), inFlight.getLast());
        chain.read(0, MemorySegment.ofArray(bytes), 0, readable);
        check(
                Arrays.equals(bytes, 0, (int) readable, all, 0, (int) readable),
                "the readable part is not what was read naively");
        if (writable > 0 && input.below(2) == 0) {
            long at = input.u16() % writable;
            chain.write(at, MemorySegment.ofArray(bytes), 0, Math.min(writable - at, 64));
        }
    }

    private void give() {
        RingMemory.remember();
        if (!inFlight.isEmpty()) {
            int head = inFlight.removeFirst();
            int length = input.u16();
            queue.complete(head, length);
            if (!broken) {
                checkUsed(head, length);
            }
        }
        if (input.below(2) == 0) {
            queue.publish();
            boolean shown = broken || published == nextUsed || memory.usedIndex() == nextUsed;
            check(shown, "used=%d expected=%d", memory.usedIndex(), nextUsed);
            published = broken ? published : nextUsed;
        }
        memory.checkOnlyUsedChanged();
        if (broken) {
            RingMemory.checkUnchanged();
        }
    }

    private void checkUsed(int head, int length) {
        check(memory.usedHead(nextUsed) == head, "used head=%d expected=%d", memory.usedHead(nextUsed), head);
        check(memory.usedLength(nextUsed) == length, "used length=%d", memory.usedLength(nextUsed));
        nextUsed = (nextUsed + 1) & INDEX_MASK;
    }

    private void notifications() {
        RingMemory.remember();
        switch (input.below(3)) {
            case 0 -> queue.suppressNotifications();
            case 1 -> {
                boolean pending = !broken && memory.availableIndex() != nextAvailable;
                check(queue.enableNotifications() == pending, "pending=%s expected", pending);
            }
            default -> {
                boolean waits = !broken && memory.availableIndex() != nextAvailable;
                check(queue.hasRequests() == waits, "waits=%s expected", waits);
            }
        }
        memory.checkOnlyUsedChanged();
        if (broken) {
            RingMemory.checkUnchanged();
        }
    }
}
