package org.pviommu.systemtests.differential;

import static org.pviommu.systemtests.differential.Divergence.check;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.pviommu.abi.IommuOp;

/** Writes the array of a call into a guest's memory, makes the call, and compares what the service wrote into the array. */
final class CallRunner {
    private static final int UNWRITTEN = 0x5a5a5a5a;

    private final Seat seat;
    private final Call call;
    private final MemorySegment arguments;
    private final long offset;
    /** What the memory must hold after the call, as far as it is known. */
    private final byte[] expected;

    private boolean running;

    /** The array lies where exactly {@code accessible} elements of it are in memory. Outputs are pre-filled. */
    CallRunner(Seat seat, Call call, Random random) {
        this.seat = seat;
        this.call = call;
        this.arguments = seat.arguments();
        this.offset = place(random);
        for (int i = 0; i < call.accessible; i++) {
            ElementCodec.write(arguments, element(i), call, i, UNWRITTEN);
        }
        this.expected = arguments.toArray(ValueLayout.JAVA_BYTE);
    }

    private long place(Random random) {
        long size = IommuOp.elementBytes(call.subOp);
        if (call.subOp == IommuOp.FLUSH) {
            return 0;
        }
        return call.accessible == call.count
                ? 8L * random.nextInt(8)
                : arguments.byteSize() - call.accessible * size - (size > 8 ? 8L * random.nextInt(2) : 0);
    }

    private long element(int i) {
        return offset + (long) i * IommuOp.elementBytes(call.subOp);
    }

    long run() {
        running = true;
        try {
            long address = seat.shape.arguments().first() * FrameMemory.PAGE_BYTES + offset;
            return seat.executor().call(call.cmd(), address, call.count);
        } finally {
            running = false;
        }
    }

    /** The guest writes over its array while the call runs; false when it cannot. */
    boolean scribble(Random random) {
        long bytes = (long) call.accessible * IommuOp.elementBytes(call.subOp);
        if (!running || bytes == 0) {
            return false;
        }
        long at = offset + 4 * random.nextLong(bytes / 4);
        int value = random.nextInt();
        arguments.set(ValueLayout.JAVA_INT, at, value);
        MemorySegment.ofArray(expected).set(ValueLayout.JAVA_INT_UNALIGNED, at, value);
        return true;
    }

    void compare(CallModel.Answer answer, Coverage coverage) {
        MemorySegment wanted = MemorySegment.ofArray(expected);
        for (int i = 0; i < answer.statuses().length; i++) {
            int status = ElementCodec.status(arguments, element(i), call.subOp);
            check(status == answer.statuses()[i], "element %d status=%d expected=%s", i, status, answer);
            coverage.status(call.subOp, status);
            ElementCodec.expectOutputs(wanted, element(i), call, i, status, answer.results()[i], lookedUp(i));
        }
        MemorySegment actual = MemorySegment.ofArray(arguments.toArray(ValueLayout.JAVA_BYTE));
        long mismatch = actual.mismatch(wanted);
        check(mismatch < 0, "byte %d of the array differs, expected=%s", mismatch - offset, answer);
    }

    private SpaceModel.@Nullable Page lookedUp(int i) {
        SpaceModel space = call.subOp == IommuOp.LOOKUP_PAGE ? seat.model.spaces.get(call.context) : null;
        return space == null ? null : space.page(call.bfn[i]);
    }
}
