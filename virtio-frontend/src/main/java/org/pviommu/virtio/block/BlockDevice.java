package org.pviommu.virtio.block;

import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.pviommu.engine.EndpointTranslation;
import org.pviommu.engine.HostIommu;
import org.pviommu.virtio.memory.MemoryOwner;
import org.pviommu.virtio.queue.BufferMemory;
import org.pviommu.virtio.queue.Chain;
import org.pviommu.virtio.queue.GuestSpace;
import org.pviommu.virtio.queue.RingMemory;
import org.pviommu.virtio.queue.SplitQueue;
import org.pviommu.virtio.vhost.Features;
import org.pviommu.virtio.vhost.MappedRegion;
import org.pviommu.virtio.vhost.VhostDevice;

/**
 * The block device (virtio id 2) over an image file, an endpoint behind the virtual IOMMU.
 *
 * <p>Front-ends without an IOMMU of their own strip ACCESS_PLATFORM when they acknowledge, so how accesses go is decided by the
 * state of the endpoint and never by that bit.
 */
public final class BlockDevice implements VhostDevice, AutoCloseable {
    private static final int MAX_QUEUE_SIZE =
            256; // Each part of a ring fits into one page, so a page map scatters none.
    /** Far above what the limits in the configuration add up to: some firmware does not look at them. */
    private static final long MAX_REQUEST_BYTES = 32L << 20;

    private final BlockImage image;
    private final int endpoint;
    private final Supplier<EndpointTranslation> translations;
    private final MemoryOwner owner;
    private final HostIommu.FaultListener faults;
    private final BlockCounters counters = new BlockCounters();
    private final BlockRequests requests;
    private final @Nullable TranslatedMemory[] memories;
    private final byte[] config;

    /**
     * Opens the image.
     *
     * @param endpoint the device's id at the virtual IOMMU, as faults name it
     * @param translations the endpoint's translation as it is now; asked when a queue is opened, on the socket's thread, so that
     *     another one may follow when the guest has gone and come again
     * @param owner registers the guest's memory: firmware reads a disk before any driver has started another device
     * @param faults told about refused accesses, outside of any section, on the socket's thread
     * @throws IllegalArgumentException when the image is no regular file, shorter than a sector, or in use
     * @throws IOException when it cannot be opened
     */
    public BlockDevice(
            BlockSettings settings,
            int endpoint,
            Supplier<EndpointTranslation> translations,
            MemoryOwner owner,
            HostIommu.FaultListener faults)
            throws IOException {
        this.endpoint = endpoint;
        this.translations = translations;
        this.owner = owner;
        this.faults = faults;
        image = BlockImage.open(settings.image(), settings.readOnly());
        requests = new BlockRequests(image, settings.serial(), counters);
        memories = new TranslatedMemory[settings.queues()];
        config = BlockWire.config(image.sizeBytes() / BlockWire.SECTOR_BYTES, settings.queues(), image.isWritable());
    }

    /** What has happened so far. */
    public BlockCounters counters() {
        return counters;
    }

    /** Whether guests may write: wanted, and possible. */
    public boolean isWritable() {
        return image.isWritable();
    }

    /** The disk's size. */
    public long sizeBytes() {
        return image.sizeBytes();
    }

    @Override
    public long features() {
        long features = Features.ACCESS_PLATFORM | BlockWire.F_SIZE_MAX | BlockWire.F_SEG_MAX;
        features |= BlockWire.F_BLK_SIZE | BlockWire.F_FLUSH;
        features |= memories.length > 1 ? BlockWire.F_MQ : 0;
        return features | (image.isWritable() ? BlockWire.F_DISCARD | BlockWire.F_WRITE_ZEROES : BlockWire.F_RO);
    }

    @Override
    public int queues() {
        return memories.length;
    }

    @Override
    public int maxQueueSize() {
        return MAX_QUEUE_SIZE;
    }

    @Override
    public long maxRequestBytes() {
        return MAX_REQUEST_BYTES;
    }

    @Override
    public byte[] config() {
        return config.clone();
    }

    /** There is nothing that a driver may write: the one such field belongs to a feature that is not offered. */
    @Override
    public void writeConfig(int offset, byte[] bytes) {}

    @Override
    public void acknowledged(long features) {
        requests.writeThrough((features & BlockWire.F_FLUSH) == 0);
    }

    /** Queues are opened anew, over the new memory. */
    @Override
    public void memoryChanged(List<MappedRegion> regions) {
        owner.memoryChanged(regions);
    }

    @Override
    public BufferMemory buffers(int queue, GuestSpace space) {
        return memory(queue, space);
    }

    @Override
    public RingMemory rings(int queue, GuestSpace space) {
        return memory(queue, space);
    }

    /** The same one as long as nothing is different. */
    private TranslatedMemory memory(int queue, GuestSpace space) {
        EndpointTranslation translation = translations.get();
        TranslatedMemory memory = memories[queue];
        if (memory == null || !memory.isOf(space, translation)) {
            memory = new TranslatedMemory(space, translation, endpoint, faults, counters);
            memories[queue] = memory;
        }
        return memory;
    }

    @Override
    public void serve(int queue, SplitQueue from, Chain chain) {
        requests.serve(from, chain);
    }

    @Override
    public void connected(Waker waker) {}

    /** No request outlives {@link #serve}, so none is left that could be answered later (B29). */
    @Override
    public void reset() {}

    @Override
    public void disconnected() {
        Arrays.fill(memories, null);
        owner.disconnected();
    }

    /** Closes the image; the device's socket is closed already. */
    @Override
    public void close() {
        image.close();
    }
}
