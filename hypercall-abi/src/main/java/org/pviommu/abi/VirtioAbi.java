package org.pviommu.abi;

import java.lang.foreign.MemorySegment;

/**
 * The virtio transport, version 1: a call as a request of a virtio device; C: {@code pv_iommu_virtio.h}.
 *
 * <pre>
 *  call, device-readable              return, device-writable
 *   0       4       8              16   0               8
 *  +-------+-------+---------------+   +---------------+
 *  | cmd   | count | arg           |   | result        |
 *  +-------+-------+---------------+   +---------------+
 * </pre>
 */
public final class VirtioAbi {
    /** Virtio device id. */
    public static final int DEVICE_ID = 38;
    /** Queue that takes calls. */
    public static final int QUEUE_CALLS = 0;
    /** Queue for events, of which there are none in this version. */
    public static final int QUEUE_EVENTS = 1;
    /** Number of queues. */
    public static final int QUEUES = 2;

    /** Bytes of the readable part. */
    public static final int CALL_SIZE = 16;
    /** Offset of the command, 32 bits. */
    public static final int CALL_CMD_OFFSET = 0;
    /** Offset of the number of elements, 32 bits. */
    public static final int CALL_COUNT_OFFSET = CALL_CMD_OFFSET + Integer.BYTES;
    /** Offset of the guest-physical address of the array, 64 bits. */
    public static final int CALL_ARG_OFFSET = CALL_COUNT_OFFSET + Integer.BYTES;

    /** Bytes of the writable part. */
    public static final int RETURN_SIZE = 8;
    /** Offset of what the hypercall returns, 64 bits, signed. */
    public static final int RETURN_RESULT_OFFSET = 0;

    private VirtioAbi() {}

    /** Reads the command of the call at {@code offsetBytes}. */
    public static int cmd(MemorySegment call, long offsetBytes) {
        return call.get(WireLayout.U32, offsetBytes + CALL_CMD_OFFSET);
    }

    /** Writes the command of the call at {@code offsetBytes}. */
    public static void putCmd(MemorySegment call, long offsetBytes, int cmd) {
        call.set(WireLayout.U32, offsetBytes + CALL_CMD_OFFSET, cmd);
    }

    /** Reads the number of elements of the call at {@code offsetBytes}. */
    public static int count(MemorySegment call, long offsetBytes) {
        return call.get(WireLayout.U32, offsetBytes + CALL_COUNT_OFFSET);
    }

    /** Writes the number of elements of the call at {@code offsetBytes}. */
    public static void putCount(MemorySegment call, long offsetBytes, int count) {
        call.set(WireLayout.U32, offsetBytes + CALL_COUNT_OFFSET, count);
    }

    /** Reads the array's address of the call at {@code offsetBytes}. */
    public static long arg(MemorySegment call, long offsetBytes) {
        return call.get(WireLayout.U64, offsetBytes + CALL_ARG_OFFSET);
    }

    /** Writes the array's address of the call at {@code offsetBytes}. */
    public static void putArg(MemorySegment call, long offsetBytes, long arg) {
        call.set(WireLayout.U64, offsetBytes + CALL_ARG_OFFSET, arg);
    }

    /** Reads the result of the return at {@code offsetBytes}. */
    public static long result(MemorySegment back, long offsetBytes) {
        return back.get(WireLayout.U64, offsetBytes + RETURN_RESULT_OFFSET);
    }

    /** Writes the result of the return at {@code offsetBytes}. */
    public static void putResult(MemorySegment back, long offsetBytes, long result) {
        back.set(WireLayout.U64, offsetBytes + RETURN_RESULT_OFFSET, result);
    }
}
