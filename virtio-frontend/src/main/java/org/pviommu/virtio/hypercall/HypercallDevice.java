package org.pviommu.virtio.hypercall;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.concurrent.atomic.LongAdder;
import org.pviommu.abi.VirtioAbi;
import org.pviommu.virtio.queue.Chain;
import org.pviommu.virtio.queue.SplitQueue;
import org.pviommu.virtio.vhost.MappedRegion;
import org.pviommu.virtio.vhost.VhostDevice;

/** The hypercall device (virtio id 38): queue 0 takes calls; queue 1, for events, is left alone. */
public final class HypercallDevice implements VhostDevice {
    private static final int MAX_QUEUE_SIZE = 256;
    /** Far above what a call needs. */
    private static final long MAX_REQUEST_BYTES = 4096;

    private final HypercallPort port;
    private final LongAdder calls = new LongAdder();
    private final LongAdder refusedRequests = new LongAdder();
    private final MemorySegment call = Arena.ofAuto().allocate(VirtioAbi.CALL_SIZE, Long.BYTES);
    private final MemorySegment back = Arena.ofAuto().allocate(VirtioAbi.RETURN_SIZE, Long.BYTES);

    /** A device over what executes the calls. */
    public HypercallDevice(HypercallPort port) {
        this.port = port;
    }

    /** Calls made so far, whatever they returned. Any thread. */
    public long calls() {
        return calls.sum();
    }

    /** Requests without room for a call or its result. Any thread. */
    public long refusedRequests() {
        return refusedRequests.sum();
    }

    /** None of its own. */
    @Override
    public long features() {
        return 0;
    }

    @Override
    public int queues() {
        return VirtioAbi.QUEUES;
    }

    @Override
    public int maxQueueSize() {
        return MAX_QUEUE_SIZE;
    }

    @Override
    public long maxRequestBytes() {
        return MAX_REQUEST_BYTES;
    }

    /** There is no configuration space. */
    @Override
    public byte[] config() {
        return new byte[0];
    }

    @Override
    public void writeConfig(int offset, byte[] bytes) {}

    @Override
    public void acknowledged(long features) {}

    @Override
    public void memoryChanged(List<MappedRegion> regions) {
        port.memoryChanged(regions);
    }

    /** In the order of the queue, no more than it holds, so that messages are heard however fast a guest refills it. */
    @Override
    public void serve(int queue, SplitQueue requests, Chain chain) {
        if (queue != VirtioAbi.QUEUE_CALLS) {
            return;
        }
        for (int served = 0; served < requests.size(); served++) {
            if (requests.next(chain) != SplitQueue.Next.REQUEST) {
                return;
            }
            requests.complete(chain.head(), execute(chain));
        }
    }

    /** How much was written. Copied once, so that what is executed is what was read (B27). */
    private long execute(Chain chain) {
        if (chain.readableBytes() < VirtioAbi.CALL_SIZE || chain.writableBytes() < VirtioAbi.RETURN_SIZE) {
            refusedRequests.increment();
            return 0; // B16, B17: without a place for its result a call has no effect
        }
        chain.read(0, call, 0, VirtioAbi.CALL_SIZE);
        calls.increment();
        long result = port.call(VirtioAbi.cmd(call, 0), VirtioAbi.arg(call, 0), VirtioAbi.count(call, 0));
        VirtioAbi.putResult(back, 0, result);
        chain.write(0, back, 0, VirtioAbi.RETURN_SIZE);
        return VirtioAbi.RETURN_SIZE;
    }

    @Override
    public void connected(Waker waker) {}

    /** What was mapped stays: a driver that wants to begin anew unmaps, as one on any other transport. */
    @Override
    public void reset() {}

    @Override
    public void disconnected() {
        port.disconnected();
    }
}
