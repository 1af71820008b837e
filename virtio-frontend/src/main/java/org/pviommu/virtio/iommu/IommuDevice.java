package org.pviommu.virtio.iommu;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.pviommu.virtio.queue.Chain;
import org.pviommu.virtio.queue.SplitQueue;
import org.pviommu.virtio.vhost.MappedRegion;
import org.pviommu.virtio.vhost.VhostDevice;

/** The virtio-iommu device (virtio id 23): queue 0 takes requests, queue 1 gives faults. */
public final class IommuDevice implements VhostDevice {
    private static final int REQUESTS = 0;
    private static final int QUEUES = 2;
    private static final int MAX_QUEUE_SIZE = 1024;

    private final IommuConfig config;
    private final IommuPort port;
    private final RequestDecoder decoder;
    private final RequestQueue requests;
    private final FaultQueue faults = new FaultQueue();
    private boolean bypass;
    /** Whether a machine was here, and is gone. */
    private boolean left;

    private volatile @Nullable Waker waker;

    /** A device over what implements it. */
    public IommuDevice(IommuConfig config, IommuPort port) {
        this.config = config;
        this.port = port;
        bypass = config.bypass();
        decoder = new RequestDecoder(config, port);
        requests = new RequestQueue(config, decoder, port);
        port.setBypass(bypass);
    }

    /**
     * Tells the driver of a fault, soon and if it left room for it. Any thread.
     *
     * @param reason {@link Wire#FAULT_DOMAIN} for an unattached endpoint, {@link Wire#FAULT_MAPPING} (C85)
     * @param access {@link org.pviommu.engine.Access} bits of what was tried
     */
    public void reportFault(int reason, int access, int endpoint, long iova) {
        Waker wakes = waker;
        if (faults.report(reason, access, endpoint, iova) && wakes != null) {
            wakes.wake();
        }
    }

    /** How requests were answered. */
    public RequestCounters requests() {
        return requests.counters();
    }

    /** Faults that were never told. */
    public long droppedFaults() {
        return faults.dropped();
    }

    /** The virtual machine was reset, not only the device: bypass is as it was in the beginning (C08). */
    public void systemReset() {
        reset();
        bypass = config.bypass();
        port.setBypass(bypass);
    }

    /** The machine goes on where another service has left it; so does its bypass. */
    public void resume(boolean bypassNow) {
        bypass = bypassNow;
    }

    @Override
    public long features() {
        return config.features();
    }

    @Override
    public int queues() {
        return QUEUES;
    }

    @Override
    public int maxQueueSize() {
        return MAX_QUEUE_SIZE;
    }

    @Override
    public long maxRequestBytes() {
        return RequestQueue.maxRequestBytes(config);
    }

    @Override
    public byte[] config() {
        return config.bytes(bypass);
    }

    /** Only bypass may be written, in virtio 1.2, with 0 or 1; whatever else changes nothing (C09, C10). */
    @Override
    public void writeConfig(int offset, byte[] bytes) {
        int at = IommuConfig.BYPASS_OFFSET - offset;
        if (!config.offersBypassConfig() || at < 0 || at >= bytes.length || bytes[at] < 0 || bytes[at] > 1) {
            return;
        }
        boolean wanted = bytes[at] == 1;
        if (wanted != bypass) {
            bypass = wanted;
            port.setBypass(wanted);
        }
    }

    @Override
    public void acknowledged(long features) {
        decoder.acknowledged(features);
        if (config.profile() == Profile.DRAFT_0_11) {
            // The draft has no switch: whether the driver has accepted the feature decides (C24).
            bypass = (features & Wire.F_BYPASS) != 0;
            port.setBypass(bypass);
        }
    }

    @Override
    public void memoryChanged(List<MappedRegion> regions) {
        port.memoryChanged(regions);
    }

    @Override
    public void serve(int queue, SplitQueue from, Chain chain) {
        if (queue == REQUESTS) {
            requests.serve(from);
        } else {
            faults.serve(from, chain);
        }
    }

    /** Who comes after another one has a machine that was just switched on, which is more than a device reset (C08). */
    @Override
    public void connected(Waker wakes) {
        if (left) {
            left = false;
            bypass = config.bypass();
            port.setBypass(bypass);
        }
        waker = wakes;
    }

    /** Bypass stays as it is (C07). */
    @Override
    public void reset() {
        faults.clear();
        port.reset();
    }

    @Override
    public void disconnected() {
        waker = null;
        left = true;
        port.disconnected();
    }
}
