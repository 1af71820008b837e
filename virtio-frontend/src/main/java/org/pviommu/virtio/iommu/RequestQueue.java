package org.pviommu.virtio.iommu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.pviommu.virtio.queue.Chain;
import org.pviommu.virtio.queue.SplitQueue;

/**
 * Serves the request queue in batches: takes what waits, executes it in order, has it flushed once, and only then answers. The
 * caller publishes the used index after that, so no driver sees a success before its removals are safely gone (C45, C66, I2).
 *
 * <p>Every answered request has its whole writable part written and its size reported, failures too: Linux takes an answer of
 * another length for a success (C87). Unwritten, with used length 0, go back those that cannot be parsed, are unknown or leave no
 * room for a status (C16, C17, C20, B16, B17).
 *
 * <p>Nothing is allocated once a queue's size is known.
 */
final class RequestQueue {
    /** As many as Linux has in a ring of 128 descriptors, two to a request. */
    private static final int BATCH = 64;

    private static final int UNANSWERED = -1;

    private final RequestDecoder decoder;
    private final IommuPort port;
    private final int probeBytes;
    private final MemorySegment request = Arena.ofAuto().allocate(Wire.PROBE_REQUEST_BYTES, Long.BYTES);
    /** What is written for one request: properties, or zeroes, and the tail. All zero in between. */
    private final MemorySegment answer;

    private final RequestCounters counters = new RequestCounters();
    private Chain[] chains = {};
    private final int[] status = new int[BATCH];
    private final boolean[] removes = new boolean[BATCH];
    private final boolean[] probes = new boolean[BATCH];

    RequestQueue(IommuConfig config, RequestDecoder decoder, IommuPort port) {
        this.decoder = decoder;
        this.port = port;
        this.probeBytes = config.probeBytes();
        answer = Arena.ofAuto().allocate(maxRequestBytes(config), Long.BYTES);
    }

    /** Chains that are longer are rejected by the queue: far above what any request needs, and what we must be ready to zero. */
    static long maxRequestBytes(IommuConfig config) {
        return 4096L + Wire.PROBE_REQUEST_BYTES + config.probeBytes() + Wire.TAIL_BYTES;
    }

    RequestCounters counters() {
        return counters;
    }

    /** Serves what waits, up to the queue's size. */
    void serve(SplitQueue queue) {
        if (chains.length == 0 || chains[0].capacity() != queue.size()) {
            chains = new Chain[Math.min(BATCH, queue.size())];
            for (int i = 0; i < chains.length; i++) {
                chains[i] = new Chain(queue.size());
            }
        }
        // No more than the queue holds: answers have to be shown, and messages heard, however fast a guest refills
        // (C88).
        int served = 0;
        int batch = chains.length;
        while (batch == chains.length && served < queue.size()) {
            batch = serveBatch(queue);
            served += batch;
        }
    }

    private int serveBatch(SplitQueue queue) {
        int taken = 0;
        boolean whole = false;
        try {
            while (taken < chains.length && queue.next(chains[taken]) == SplitQueue.Next.REQUEST) {
                execute(taken);
                taken++;
            }
            whole = true;
        } finally {
            if (!whole) {
                port.endBatch(); // memory has vanished, say: nobody else gets at the guest before the batch is over
            }
        }
        if (taken == 0) {
            return 0;
        }
        boolean flushed = port.endBatch();
        for (int i = 0; i < taken; i++) {
            if (!flushed && removes[i] && status[i] == Wire.OK) {
                status[i] = Wire.IOERR; // I4: a failed flush is never a success
            }
            counters.count(status[i]);
            queue.complete(chains[i].head(), answer(i));
        }
        return taken;
    }

    private void execute(int index) {
        Chain chain = chains[index];
        status[index] = UNANSWERED;
        probes[index] = false;
        removes[index] = false;
        if (chain.readableBytes() < Wire.HEAD_BYTES || chain.writableBytes() < Wire.TAIL_BYTES) {
            return;
        }
        // One copy of everything that is looked at; it is longer than the longest request (B15, A07).
        long bytes = Math.min(chain.readableBytes(), request.byteSize());
        chain.read(0, request, 0, bytes);
        int type = Byte.toUnsignedInt(request.get(ValueLayout.JAVA_BYTE, 0));
        if (!decoder.knows(type) || bytes < Wire.requestBytes(type)) {
            return;
        }
        if (type == Wire.PROBE) {
            probe(index);
        } else {
            status[index] = decoder.execute(request);
            removes[index] = type != Wire.MAP; // an ATTACH moves away from somewhere
        }
    }

    /** Properties change nothing, so they are written at once, and the tail with the others. */
    private void probe(int index) {
        Chain chain = chains[index];
        long room = Math.min(chain.writableBytes() - Wire.TAIL_BYTES, probeBytes);
        MemorySegment properties = answer.asSlice(0, room);
        probes[index] = true;
        status[index] = decoder.probe(request, properties);
        chain.write(0, properties, 0, room); // C74; all zero, and so without a property, when it failed
        properties.fill((byte) 0);
    }

    /** Writes what is left to write; how much the driver is told to be written. */
    private long answer(int index) {
        if (status[index] == UNANSWERED) {
            return 0;
        }
        Chain chain = chains[index];
        long before = chain.writableBytes() - Wire.TAIL_BYTES;
        if (probes[index]) {
            before = Math.min(before, probeBytes); // B25: of a larger buffer, no more than this is written
        }
        long zeroes = probes[index] ? 0 : before;
        answer.set(ValueLayout.JAVA_BYTE, zeroes, (byte) status[index]);
        chain.write(before - zeroes, answer, 0, zeroes + Wire.TAIL_BYTES); // reserved bytes are zero (C19)
        answer.set(ValueLayout.JAVA_BYTE, zeroes, (byte) 0);
        return before + Wire.TAIL_BYTES;
    }
}
