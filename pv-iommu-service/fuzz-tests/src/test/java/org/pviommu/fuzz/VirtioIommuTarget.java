package org.pviommu.fuzz;

import static org.pviommu.fuzz.Finding.check;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.pviommu.virtio.iommu.IommuConfig;
import org.pviommu.virtio.iommu.IommuDevice;
import org.pviommu.virtio.iommu.IommuPort;
import org.pviommu.virtio.iommu.Profile;
import org.pviommu.virtio.iommu.ReservedMemory;
import org.pviommu.virtio.queue.Chain;
import org.pviommu.virtio.queue.QueueSettings;
import org.pviommu.virtio.queue.SplitQueue;
import org.pviommu.virtio.vhost.MappedRegion;

/**
 * The decoder of virtio-iommu requests in both profiles: an input is a configuration, what the driver accepts of it, and requests, in
 * any order and cut into buffers in any way.
 *
 * <p>What reaches the port has to be as its contract says; each batch that the port saw is ended before it is answered; an answer is
 * of full length with a status that exists, or nothing was written at all and nothing was asked of the port.
 */
public final class VirtioIommuTarget implements IommuPort {
    /** Name on the command line and folder of the corpus. */
    public static final String NAME = "virtio-iommu";

    private static final int SIZE = 16;
    private static final int MAX_STEPS = 48;
    private static final long REQUEST = RingMemory.DATA;
    private static final long ANSWER = RingMemory.DATA + 0x1000;
    private static final int MAX_ANSWER = 0x400;
    private static final byte UNWRITTEN = 0x55;
    private static final int LAST_STATUS = 8;
    private static final long ACCESS = 3;

    private final Input input;
    private final Profile profile;
    private final IommuConfig config;
    private final IommuDevice device;
    private final RingMemory memory = new RingMemory(SIZE);
    private final SplitQueue requests;
    private final SplitQueue events;
    private final Chain chain = new Chain(SIZE);
    private int asked;
    private boolean inBatch;
    private int nextUsed;

    private VirtioIommuTarget(Input input) {
        this.input = input;
        int mood = input.u8();
        profile = (mood & 1) == 0 ? Profile.VIRTIO_1_2 : Profile.DRAFT_0_11;
        long mask = -1L << (mood >> 1 & 15);
        boolean limited = (mood & 32) != 0;
        config = new IommuConfig(
                profile,
                mask,
                limited ? 0x1000 : 0,
                limited ? 0xffff_ffffL : -1,
                0,
                limited ? 15 : -1,
                (mood & 64) != 0 ? 128 : 0,
                input.below(2) == 0,
                true,
                input.below(2) == 0);
        device = new IommuDevice(config, this);
        asked = 0;
        device.acknowledged(input.below(4) == 0 ? input.i64() & config.features() : config.features());
        QueueSettings settings = new QueueSettings(true, false, device.maxRequestBytes());
        requests = SplitQueue.open(RingMemory.space(), RingMemory.space(), memory.addresses(), SIZE, 0, settings);
        events = SplitQueue.open(RingMemory.space(), RingMemory.space(), memory.addresses(), SIZE, 0, settings);
    }

    /** What the fuzzer calls. */
    public static void fuzzerTestOneInput(byte[] bytes) {
        Finding.guard(NAME, bytes, () -> new VirtioIommuTarget(new Input(bytes)).live());
    }

    private void live() {
        for (int step = 0; step < MAX_STEPS && input.hasMore(); step++) {
            switch (input.below(16)) {
                case 0 -> device.writeConfig(input.below(64), input.take(1 + input.below(48)));
                case 1 -> {
                    device.reportFault(input.below(4), input.below(8), input.i32(), input.i64());
                    device.serve(1, events, chain);
                }
                case 2 -> device.reset();
                case 3 -> device.systemReset();
                default -> request();
            }
            check(device.config().length == (profile == Profile.DRAFT_0_11 ? 32 : 40), "config");
            RingMemory.checkGaps();
        }
    }

    private void request() {
        int length = input.below(4) == 0 ? input.below(100) : lengthOf(writeRequest());
        int writable = input.below(4) == 0 ? input.below(256) : 4 + (input.below(2) == 0 ? config.probeBytes() : 0);
        MemorySegment answer = memory.first().asSlice(ANSWER, MAX_ANSWER);
        answer.fill(UNWRITTEN);
        int before = asked;
        offer(length, writable);
        device.serve(0, requests, chain);
        check(!inBatch, "answered before the batch was ended");
        requests.publish();
        check(requests.breakage() == null, "%s", requests.breakage());
        check(memory.usedIndex() == ((nextUsed + 1) & 0xffff), "no answer");
        int used = memory.usedLength(nextUsed);
        nextUsed = (nextUsed + 1) & 0xffff;
        checkAnswer(answer, used, writable, before);
    }

    private void checkAnswer(MemorySegment answer, int used, int writable, int before) {
        for (long at = used; at < MAX_ANSWER; at++) {
            check(answer.get(ValueLayout.JAVA_BYTE, at) == UNWRITTEN, "written behind used length=%d at %d", used, at);
        }
        if (used == 0) {
            check(asked == before, "the port was asked, and the driver is told nothing");
            return;
        }
        boolean probe = memory.first().get(ValueLayout.JAVA_BYTE, REQUEST) == 5;
        int expected = probe ? Math.min(writable, config.probeBytes() + 4) : writable;
        check(used == expected, "used length=%d expected=%d writable=%d", used, expected, writable);
        int status = answer.get(ValueLayout.JAVA_BYTE, used - 4L);
        check(status >= 0 && status <= LAST_STATUS && status != 7, "status=%d", status);
        check(status != LAST_STATUS || profile == Profile.VIRTIO_1_2, "NOMEM in the draft");
        for (int at = used - 3; at < used; at++) {
            check(answer.get(ValueLayout.JAVA_BYTE, at) == 0, "reserved bytes of the tail");
        }
    }

    /** Any bytes, or a request of the right form with numbers near the limits; its type. */
    private int writeRequest() {
        MemorySegment to = memory.first().asSlice(REQUEST, 128);
        to.fill((byte) 0);
        int type = 1 + input.below(6);
        to.set(ValueLayout.JAVA_BYTE, 0, (byte) type);
        to.set(RingMemory.U32, 4, input.below(4) == 0 ? input.i32() : input.below(20));
        long granule = config.granule();
        long first = input.number() * (input.below(8) == 0 ? 1 : granule);
        to.set(RingMemory.U64, 8, first);
        if (type == 3 || type == 4) {
            long pages = input.number();
            to.set(RingMemory.U64, 16, first + pages * granule - (input.below(8) == 0 ? 0 : 1));
            to.set(RingMemory.U64, 24, input.number() * (input.below(8) == 0 ? 1 : granule));
            to.set(RingMemory.U32, 32, input.below(8) == 0 ? input.i32() : input.below(16));
        } else {
            to.set(RingMemory.U32, 12, input.below(4) == 0 ? input.i32() : input.below(2));
        }
        if (input.below(8) == 0) {
            to.set(ValueLayout.JAVA_BYTE, input.below(72), (byte) input.u8());
        }
        return to.get(ValueLayout.JAVA_BYTE, 0);
    }

    private static int lengthOf(int type) {
        return switch (type) {
            case 3 -> 36;
            case 4 -> 28;
            case 5 -> 72;
            default -> 20;
        };
    }

    /** Up to three readable buffers and two writable ones. */
    private void offer(int readable, int writable) {
        int firstCut = readable == 0 ? 0 : input.below(256) % (readable + 1);
        int secondCut = firstCut + (readable == firstCut ? 0 : input.below(256) % (readable - firstCut + 1));
        int answerCut = writable == 0 ? 0 : input.below(256) % (writable + 1);
        long request = RingMemory.GUEST + REQUEST;
        long answer = RingMemory.GUEST + ANSWER;
        int next = RingMemory.NEXT;
        memory.descriptor(0, request, firstCut, next, 1);
        memory.descriptor(1, request + firstCut, secondCut - firstCut, next, 2);
        memory.descriptor(2, request + secondCut, readable - secondCut, next, 3);
        memory.descriptor(3, answer, answerCut, next | RingMemory.WRITE, 4);
        memory.descriptor(4, answer + answerCut, writable - answerCut, RingMemory.WRITE, 0);
        memory.offer(0);
    }

    private int answer() {
        asked++;
        inBatch = true;
        int status = input.below(16);
        return status <= LAST_STATUS && status != 7 ? status : 0;
    }

    private void checkDomain(int domain) {
        boolean inside = Integer.compareUnsigned(domain, config.firstDomain()) >= 0
                && Integer.compareUnsigned(domain, config.lastDomain()) <= 0;
        check(inside, "domain=%d was passed on", domain);
    }

    @Override
    public int attach(int domain, int endpoint, boolean bypass) {
        checkDomain(domain);
        check(!bypass || profile == Profile.VIRTIO_1_2, "the draft has no bypass domains");
        return answer();
    }

    @Override
    public int detach(int domain, int endpoint) {
        checkDomain(domain);
        return answer();
    }

    @Override
    public int map(int domain, long first, long last, long target, int access, boolean mmio) {
        checkDomain(domain);
        long granule = config.granule();
        check(Long.compareUnsigned(first, last) <= 0, "map first=0x%x last=0x%x", first, last);
        check(
                (first | (last + 1) | target) % granule == 0,
                "map first=0x%x last=0x%x target=0x%x",
                first,
                last,
                target);
        check(Long.compareUnsigned(first, config.firstIova()) >= 0, "first=0x%x", first);
        check(Long.compareUnsigned(last, config.lastIova()) <= 0, "last=0x%x", last);
        check(Long.compareUnsigned(target + (last - first), target) >= 0, "target=0x%x wraps", target);
        check((access & ~ACCESS) == 0, "access=%d", access);
        check(!mmio || config.mmio() || profile == Profile.DRAFT_0_11, "mmio was not offered");
        return answer();
    }

    @Override
    public int unmap(int domain, long first, long last) {
        checkDomain(domain);
        check(Long.compareUnsigned(first, last) <= 0, "unmap first=0x%x last=0x%x", first, last);
        return answer();
    }

    @Override
    public @Nullable ReservedMemory probe(int endpoint) {
        asked++;
        inBatch = true;
        if (input.below(4) == 0) {
            return null;
        }
        return new ReservedMemory(List.of(
                new ReservedMemory.Region(0xfee0_0000L, 0xfeef_ffffL, true),
                new ReservedMemory.Region(0x8000, 0xffff, false)));
    }

    @Override
    public boolean endBatch() {
        inBatch = false;
        return input.below(8) != 0;
    }

    @Override
    public void setBypass(boolean on) {
        check(!inBatch, "bypass changed within a batch");
    }

    @Override
    public void memoryChanged(List<MappedRegion> regions) {}

    @Override
    public void reset() {
        check(!inBatch, "reset within a batch");
    }

    @Override
    public void disconnected() {}
}
