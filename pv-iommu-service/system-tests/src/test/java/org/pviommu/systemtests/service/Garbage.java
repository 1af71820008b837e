package org.pviommu.systemtests.service;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.pviommu.abi.RingAbi;
import org.pviommu.natives.EventFd;
import org.pviommu.natives.FileDescriptor;
import org.pviommu.natives.Seals;
import org.pviommu.natives.SharedMemory;

/** Packets that a guest should not send, and some that it may. One thread. */
final class Garbage implements AutoCloseable {
    private static final int LONGEST_BYTES = RingAbi.MSG_MAX + 100;
    /** What SCM_RIGHTS carries at most. */
    private static final int MOST_FDS = 253;

    private static final int GUEST_IDS = 8;

    private final Random random;
    private final SharedMemory sealed = SharedMemory.create("garbage", 1 << 16, Seals.SHRINK);
    private final SharedMemory unsealed = SharedMemory.create("garbage", 1 << 16, 0);
    private final EventFd event = EventFd.create();

    Garbage(Random random) {
        this.random = random;
    }

    /** Bytes of a packet: random, or a good message that was cut, lengthened, or had bits turned. */
    MemorySegment packet() {
        if (random.nextInt(4) == 0) {
            byte[] bytes = new byte[1 + random.nextInt(LONGEST_BYTES)];
            random.nextBytes(bytes);
            return copy(bytes);
        }
        byte[] good = goodMessage().toArray(ValueLayout.JAVA_BYTE);
        return switch (random.nextInt(4)) {
            case 0 -> copy(Arrays.copyOf(good, 1 + random.nextInt(good.length)));
            case 1 -> copy(Arrays.copyOf(good, good.length + random.nextInt(LONGEST_BYTES - good.length)));
            case 2 -> copy(turnBits(good));
            default -> copy(good);
        };
    }

    private MemorySegment goodMessage() {
        return switch (random.nextInt(3)) {
            case 0 -> Messages.hello(2 + random.nextInt(GUEST_IDS), 1 + random.nextInt(RingAbi.MAX_SLOTS));
            case 1 -> Messages.register(random.nextInt(64), 1 + random.nextInt(32), 0);
            default -> Messages.unregister(random.nextInt(64), 1 + random.nextInt(32));
        };
    }

    private byte[] turnBits(byte[] bytes) {
        for (int i = 0; i <= random.nextInt(4); i++) {
            bytes[random.nextInt(bytes.length)] ^= (byte) (1 << random.nextInt(8));
        }
        return bytes;
    }

    private static MemorySegment copy(byte[] bytes) {
        MemorySegment packet = Arena.ofAuto().allocate(bytes.length);
        packet.copyFrom(MemorySegment.ofArray(bytes));
        return packet;
    }

    /** What comes along: usually nothing or one, sometimes as many as the kernel carries. */
    List<FileDescriptor> descriptors() {
        int count = switch (random.nextInt(8)) {
            case 0 -> 2 + random.nextInt(3);
            case 1 -> random.nextInt(16) == 0 ? MOST_FDS : 1;
            case 2, 3 -> 1;
            default -> 0;
        };
        List<FileDescriptor> fds = new ArrayList<>();
        List<FileDescriptor> all = List.of(sealed.fd(), unsealed.fd(), event.fd());
        for (int i = 0; i < count; i++) {
            fds.add(all.get(random.nextInt(all.size())));
        }
        return fds;
    }

    @Override
    public void close() {
        sealed.close();
        unsealed.close();
        event.close();
    }
}
