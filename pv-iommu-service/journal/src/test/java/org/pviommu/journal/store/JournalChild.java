package org.pviommu.journal.store;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * A process that appends from several threads until it is killed, and notes what was acknowledged in a mapped file, which
 * survives it. For each thread: the number of its last record whose append has returned.
 *
 * <p>Arguments: journal, ring directory, file of acknowledgements, threads, number of the life.
 */
final class JournalChild {

    static final int SLOT_BYTES = 64;

    private JournalChild() {}

    /** A record's payload: life, thread, the thread's own number, and a filling that follows from them. */
    static int encode(MemorySegment payload, int life, int thread, long number) {
        int fillBytes = (int) (number * 31 % 180);
        payload.set(ValueLayout.JAVA_INT_UNALIGNED, 0, life);
        payload.set(ValueLayout.JAVA_INT_UNALIGNED, 4, thread);
        payload.set(ValueLayout.JAVA_LONG_UNALIGNED, 8, number);
        payload.asSlice(16, fillBytes).fill((byte) (number ^ thread));
        return 16 + fillBytes;
    }

    public static void main(String[] arguments) throws Exception {
        Path acknowledged = Path.of(arguments[2]);
        int threads = Integer.parseInt(arguments[3]);
        int life = Integer.parseInt(arguments[4]);
        JournalSettings settings = JournalSettings.builder(Path.of(arguments[0]))
                .ringDirectory(Path.of(arguments[1]))
                .ringBytes(1 << 18)
                .segmentBytes(1 << 20)
                .diskReserveBytes(3 << 20)
                .listener(System.out::println)
                .build();
        JournalStore store = JournalStore.open(settings);
        System.out.println(store.openReport());
        try (FileChannel channel = FileChannel.open(acknowledged, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            MemorySegment slots =
                    channel.map(FileChannel.MapMode.READ_WRITE, 0, (long) threads * SLOT_BYTES, Arena.global());
            for (int t = 1; t < threads; t++) {
                int thread = t;
                Thread.ofPlatform().start(() -> appendForEver(store, slots, life, thread));
            }
            appendForEver(store, slots, life, 0);
        }
    }

    private static void appendForEver(JournalStore store, MemorySegment slots, int life, int thread) {
        MemorySegment payload = Arena.global().allocate(256);
        for (long number = 1; ; number++) {
            int length = encode(payload, life, thread, number);
            while (!store.reserve(1, length, true)) {
                Thread.onSpinWait();
            }
            store.append(thread + 1, payload, length);
            slots.set(ValueLayout.JAVA_LONG_UNALIGNED, (long) thread * SLOT_BYTES, number);
        }
    }
}
