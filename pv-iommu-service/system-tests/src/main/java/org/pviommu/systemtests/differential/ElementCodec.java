package org.pviommu.systemtests.differential;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.jspecify.annotations.Nullable;
import org.pviommu.abi.IommuAttachOp;
import org.pviommu.abi.IommuContextOp;
import org.pviommu.abi.IommuMapOp;
import org.pviommu.abi.IommuMixedOp;
import org.pviommu.abi.IommuOp;
import org.pviommu.abi.IommuRangeOp;
import org.pviommu.abi.IommuStatus;

/** Elements of each sub-operation as a guest writes them, and what the service may change in them. */
final class ElementCodec {
    private ElementCodec() {}

    /** Writes element {@code i} of a call; what is an output gets {@code unwritten}. */
    static void write(MemorySegment array, long element, Call call, int i, int unwritten) {
        switch (call.subOp) {
            case IommuOp.MIXED -> {
                array.set(ValueLayout.JAVA_SHORT, element + IommuMixedOp.SUBOP_OFFSET, (short) call.kind[i]);
                array.set(ValueLayout.JAVA_SHORT, element + IommuMixedOp.FLAGS_OFFSET, (short) call.flags[i]);
                array.set(ValueLayout.JAVA_INT, element + IommuMixedOp.STATUS_OFFSET, unwritten);
                array.set(ValueLayout.JAVA_LONG, element + IommuMixedOp.BFN_OFFSET, call.bfn[i]);
                array.set(ValueLayout.JAVA_LONG, element + IommuMixedOp.MFN_OFFSET, call.mfn[i]);
            }
            case IommuOp.MAP_RANGE, IommuOp.UNMAP_RANGE -> {
                array.set(ValueLayout.JAVA_LONG, element + IommuRangeOp.BFN_OFFSET, call.bfn[i]);
                array.set(ValueLayout.JAVA_LONG, element + IommuRangeOp.MFN_OFFSET, call.mfn[i]);
                array.set(ValueLayout.JAVA_LONG, element + IommuRangeOp.NR_PAGES_OFFSET, call.pages[i]);
                array.set(ValueLayout.JAVA_LONG, element + IommuRangeOp.NR_DONE_OFFSET, unwritten);
                array.set(ValueLayout.JAVA_INT, element + IommuRangeOp.FLAGS_OFFSET, call.flags[i]);
                array.set(ValueLayout.JAVA_INT, element + IommuRangeOp.STATUS_OFFSET, unwritten);
            }
            case IommuOp.ALLOC_CONTEXT, IommuOp.FREE_CONTEXT -> {
                array.set(ValueLayout.JAVA_INT, element + IommuContextOp.CTX_NO_OFFSET, call.target[i]);
                array.set(ValueLayout.JAVA_INT, element + IommuContextOp.STATUS_OFFSET, unwritten);
            }
            case IommuOp.ATTACH_DEVICE -> {
                array.set(ValueLayout.JAVA_INT, element + IommuAttachOp.ENDPOINT_OFFSET, call.endpoint[i]);
                array.set(ValueLayout.JAVA_INT, element + IommuAttachOp.CTX_NO_OFFSET, call.target[i]);
                array.set(ValueLayout.JAVA_INT, element + IommuAttachOp.FLAGS_OFFSET, call.flags[i]);
                array.set(ValueLayout.JAVA_INT, element + IommuAttachOp.STATUS_OFFSET, unwritten);
            }
            default -> {
                IommuMapOp.putBfn(array, element, call.bfn[i]);
                IommuMapOp.putMfn(array, element, call.mfn[i]);
                IommuMapOp.putFlags(array, element, call.flags[i]);
                IommuMapOp.putStatus(array, element, unwritten);
            }
        }
    }

    static int status(MemorySegment array, long element, int subOp) {
        return array.get(ValueLayout.JAVA_INT, element + statusOffset(subOp));
    }

    private static long statusOffset(int subOp) {
        return switch (subOp) {
            case IommuOp.MIXED -> IommuMixedOp.STATUS_OFFSET;
            case IommuOp.MAP_RANGE, IommuOp.UNMAP_RANGE -> IommuRangeOp.STATUS_OFFSET;
            case IommuOp.ALLOC_CONTEXT, IommuOp.FREE_CONTEXT -> IommuContextOp.STATUS_OFFSET;
            case IommuOp.ATTACH_DEVICE -> IommuAttachOp.STATUS_OFFSET;
            default -> IommuMapOp.STATUS_OFFSET;
        };
    }

    /** Enters into the expected bytes what the service has to write for element {@code i}; everything else stays. */
    static void expectOutputs(
            MemorySegment expected,
            long element,
            Call call,
            int i,
            int status,
            long result,
            SpaceModel.@Nullable Page lookedUp) {
        putInt(expected, element + statusOffset(call.subOp), status);
        switch (call.subOp) {
            case IommuOp.MAP_RANGE, IommuOp.UNMAP_RANGE ->
                putLong(expected, element + IommuRangeOp.NR_DONE_OFFSET, result);
            case IommuOp.ALLOC_CONTEXT -> {
                if (status == IommuStatus.OK) {
                    putInt(expected, element + IommuContextOp.CTX_NO_OFFSET, (int) result);
                }
            }
            case IommuOp.LOOKUP_PAGE -> {
                if (lookedUp != null) {
                    putLong(expected, element + IommuMapOp.MFN_OFFSET, lookedUp.mfn());
                    putInt(expected, element + IommuMapOp.FLAGS_OFFSET, lookedUp.access());
                }
            }
            default -> {
                // only the status is an output
            }
        }
    }

    private static void putInt(MemorySegment bytes, long offset, int value) {
        bytes.set(ValueLayout.JAVA_INT_UNALIGNED, offset, value);
    }

    private static void putLong(MemorySegment bytes, long offset, long value) {
        bytes.set(ValueLayout.JAVA_LONG_UNALIGNED, offset, value);
    }
}
