package org.pviommu.server.rest;

import jakarta.inject.Singleton;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HexFormat;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import org.pviommu.server.EndpointId;
import org.pviommu.server.FaultLog;
import org.pviommu.server.IommuService;
import org.pviommu.server.Text;

/** A device doing what a {@link DmaRequest} says, through the simulated host IOMMU. */
@Singleton
final class SimulatedDevice {
    /** One copy section of the host IOMMU: a flush waits for it, so it is bounded. */
    static final int MAX_READ_BYTES = 64 << 10;

    /** As many whole pages as fit, in hex, into a request of 64 KiB. */
    static final int MAX_WRITE_BYTES = 28 << 10;

    private final IommuService service;

    SimulatedDevice(IommuService service) {
        this.service = service;
    }

    DmaResult perform(int endpoint, DmaRequest request) {
        if (!service.isSimulated()) {
            throw Refusal.unprocessable("endpoint=" + EndpointId.format(endpoint)
                    + " is a real device, which does DMA by itself; only simulated ones can be told to");
        }
        String op = request.op();
        return switch (op) {
            case "read" -> read(endpoint, request);
            case "write" -> write(endpoint, request);
            case null -> throw Refusal.badRequest("op is missing; known: read, write");
            default -> throw Refusal.badRequest("op=" + Text.quote(op) + " known: read, write");
        };
    }

    private DmaResult read(int endpoint, DmaRequest request) {
        Integer length = request.length();
        if (length == null || request.data() != null) {
            throw Refusal.badRequest("op=read needs length and no data");
        }
        if (length < 1 || length > MAX_READ_BYTES) {
            throw Refusal.badRequest("length=" + length + " min=1 max=" + MAX_READ_BYTES);
        }
        long iovaBytes = iovaBytes(request.iova(), length);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment buffer = arena.allocate(length);
            FaultLog.Observed seen =
                    service.faults().during(() -> service.simulated().dmaRead(endpoint, iovaBytes, buffer));
            byte[] moved = buffer.asSlice(0, seen.result()).toArray(ValueLayout.JAVA_BYTE);
            return result(
                    "read", endpoint, iovaBytes, length, seen, HexFormat.of().formatHex(moved));
        }
    }

    private DmaResult write(int endpoint, DmaRequest request) {
        String data = request.data();
        if (data == null || request.length() != null) {
            throw Refusal.badRequest("op=write needs data and no length");
        }
        byte[] bytes = bytes(data);
        long iovaBytes = iovaBytes(request.iova(), bytes.length);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment buffer = arena.allocateFrom(ValueLayout.JAVA_BYTE, bytes);
            FaultLog.Observed seen =
                    service.faults().during(() -> service.simulated().dmaWrite(endpoint, iovaBytes, buffer));
            return result("write", endpoint, iovaBytes, bytes.length, seen, null);
        }
    }

    private static byte[] bytes(String data) {
        if (data.isEmpty() || data.length() > 2 * MAX_WRITE_BYTES) {
            throw Refusal.badRequest("data has hexDigits=" + data.length() + " min=2 max=" + 2 * MAX_WRITE_BYTES);
        }
        try {
            return HexFormat.of().parseHex(data.toLowerCase(Locale.ROOT));
        } catch (IllegalArgumentException notHex) {
            throw Refusal.badRequest("data=" + Text.quote(data) + " is not an even number of hex digits");
        }
    }

    /** Addresses beyond the aperture are the device's business and fault; only a wrap around 2^64 cannot be meant. */
    private static long iovaBytes(@Nullable String iova, int lengthBytes) {
        if (iova == null) {
            throw Refusal.badRequest("iova is missing");
        }
        long max = -1L - (lengthBytes - 1);
        return Refusal.parsing(() -> Text.parseUnsigned("iova", iova, max));
    }

    private static DmaResult result(
            String op, int endpoint, long iovaBytes, int lengthBytes, FaultLog.Observed seen, @Nullable String data) {
        return new DmaResult(
                op,
                EndpointId.format(endpoint),
                Text.hex(iovaBytes),
                lengthBytes,
                seen.result(),
                data,
                Views.faults(seen.faults()));
    }
}
