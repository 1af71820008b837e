package org.pviommu.server.demo;

import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.pviommu.server.Json;
import org.pviommu.server.Text;
import org.pviommu.server.cli.RestClient;

/** The guest's simulated device, as anybody drives it: over REST. */
final class Device {
    static final int PAGE_SHIFT = 12;
    private static final int SHOWN_DIGITS = 16;

    private final RestClient rest;
    private final String path;

    Device(RestClient rest, String endpoint) {
        this.rest = rest;
        this.path = "/api/v1/endpoints/" + endpoint + "/dma";
    }

    /** Outcome of a DMA: bytes moved before the first refused page, their content for a read, refused pages. */
    record Outcome(long movedBytes, String hex, int faults) {
        byte[] data() {
            return HexFormat.of().parseHex(hex);
        }

        boolean isRefused() {
            return movedBytes == 0 && faults > 0;
        }

        boolean isComplete(int lengthBytes) {
            return movedBytes == lengthBytes && faults == 0;
        }

        @Override
        public String toString() {
            String content = hex.isEmpty() ? "" : " data=" + hex.substring(0, Math.min(SHOWN_DIGITS, hex.length()));
            return "moved=" + movedBytes + " faults=" + faults + content;
        }
    }

    Outcome read(long bfn, int offset, int lengthBytes) {
        return dma("read", bfn, offset, "length", lengthBytes);
    }

    Outcome write(long bfn, int offset, byte[] bytes) {
        return dma("write", bfn, offset, "data", HexFormat.of().formatHex(bytes));
    }

    private Outcome dma(String op, long bfn, int offset, String name, Object value) {
        Map<String, Object> body = new LinkedHashMap<>();
        body.put("op", op);
        body.put("iova", Text.hex((bfn << PAGE_SHIFT) + offset));
        body.put(name, value);
        Map<String, @Nullable Object> answer = Json.object(rest.post(path, body));
        String data = answer.get("data") instanceof String hex ? hex : "";
        int faults = answer.get("faults") instanceof List<?> list ? list.size() : 0;
        return new Outcome(number(answer, "movedBytes"), data, faults);
    }

    static long number(Map<String, @Nullable Object> answer, String name) {
        if (answer.get(name) instanceof Number number) {
            return number.longValue();
        }
        throw new DemoFailure("no number " + name + " in " + Text.quote(answer.toString()));
    }
}
