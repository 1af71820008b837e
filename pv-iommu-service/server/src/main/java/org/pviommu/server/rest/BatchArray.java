package org.pviommu.server.rest;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.pviommu.abi.IommuMapOp;
import org.pviommu.abi.IommuMixedOp;
import org.pviommu.abi.IommuOp;
import org.pviommu.abi.IommuRangeOp;
import org.pviommu.engine.Access;
import org.pviommu.server.Text;

/** A {@link BatchRequest} in the form of the ABI: which sub-operation it is, and its array. */
record BatchArray(int subOp, MemorySegment elements, int count) {
    /** What fits into a request of 64 KiB with room to spare, and into one slice. */
    static final int MAX_OPERATIONS = 512;

    /** All 64 bits: which frames there are is the engine's to say, in the operation's status. */
    private static final long ANY = -1;

    /** Checks every operation before anything is applied; the array lives as long as the arena. */
    static BatchArray of(@Nullable List<BatchOperation> operations, Arena arena) {
        int count = operations == null ? 0 : operations.size();
        if (operations == null || count == 0 || count > MAX_OPERATIONS) {
            throw Refusal.badRequest("operations=" + count + " min=1 max=" + MAX_OPERATIONS);
        }
        int subOp = subOp(operations);
        int size = IommuOp.elementBytes(subOp);
        MemorySegment elements = arena.allocate((long) count * size, Long.BYTES);
        for (int i = 0; i < count; i++) {
            put(elements, (long) i * size, subOp, operations.get(i));
        }
        return new BatchArray(subOp, elements, count);
    }

    private static int subOp(List<BatchOperation> operations) {
        int all = subOp(operations.getFirst());
        for (BatchOperation operation : operations) {
            int one = subOp(operation);
            if (one != all && (isRange(one) || isRange(all))) {
                throw Refusal.badRequest("op=" + operation.op()
                        + " in one batch with others; known: map and unmap mixed, only mapRange, only unmapRange");
            }
            all = one == all ? all : IommuOp.MIXED;
        }
        return all;
    }

    private static boolean isRange(int subOp) {
        return subOp == IommuOp.MAP_RANGE || subOp == IommuOp.UNMAP_RANGE;
    }

    private static int subOp(BatchOperation operation) {
        String op = required("op", operation.op());
        return switch (op) {
            case "map" -> IommuOp.MAP_PAGE;
            case "unmap" -> IommuOp.UNMAP_PAGE;
            case "mapRange" -> IommuOp.MAP_RANGE;
            case "unmapRange" -> IommuOp.UNMAP_RANGE;
            default -> throw Refusal.badRequest("op=" + Text.quote(op) + " known: map, unmap, mapRange, unmapRange");
        };
    }

    private static void put(MemorySegment array, long at, int subOp, BatchOperation operation) {
        int kind = subOp(operation);
        boolean maps = kind == IommuOp.MAP_PAGE || kind == IommuOp.MAP_RANGE;
        requireAbsent("mfn", operation, !maps && operation.mfn() != null);
        requireAbsent("access", operation, !maps && operation.access() != null);
        requireAbsent("pages", operation, !isRange(kind) && operation.pages() != null);
        long bfn = frame("bfn", operation.bfn());
        long mfn = maps ? frame("mfn", operation.mfn()) : 0;
        int flags = maps ? access(required("access", operation.access())) : 0;
        if (subOp == IommuOp.MIXED) {
            IommuMixedOp.putSubop(array, at, kind);
            IommuMixedOp.putFlags(array, at, flags);
            IommuMixedOp.putBfn(array, at, bfn);
            IommuMixedOp.putMfn(array, at, mfn);
        } else if (isRange(subOp)) {
            IommuRangeOp.putBfn(array, at, bfn);
            IommuRangeOp.putMfn(array, at, mfn);
            IommuRangeOp.putNrPages(array, at, pages(operation));
            IommuRangeOp.putFlags(array, at, flags);
        } else {
            IommuMapOp.putBfn(array, at, bfn);
            IommuMapOp.putMfn(array, at, mfn);
            IommuMapOp.putFlags(array, at, flags);
        }
    }

    private static long pages(BatchOperation operation) {
        long pages = required("pages", operation.pages());
        if (pages < 1) {
            throw Refusal.badRequest("pages=" + pages + " min=1");
        }
        return pages;
    }

    private static void requireAbsent(String name, BatchOperation operation, boolean present) {
        if (present) {
            throw Refusal.badRequest("op=" + operation.op() + " has no " + name);
        }
    }

    private static <T> T required(String name, @Nullable T value) {
        if (value == null) {
            throw Refusal.badRequest(name + " is missing");
        }
        return value;
    }

    private static long frame(String name, @Nullable String text) {
        String given = required(name, text);
        return Refusal.parsing(() -> Text.parseUnsigned(name, given, ANY));
    }

    private static int access(String name) {
        return switch (name) {
            case "r-" -> Access.READ;
            case "rw" -> Access.READ_WRITE;
            default -> throw Refusal.badRequest("access=" + Text.quote(name) + " known: r-, rw");
        };
    }
}
