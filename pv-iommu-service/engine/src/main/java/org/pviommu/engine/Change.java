package org.pviommu.engine;

import java.util.List;

/**
 * A change of a guest that is not a batch of operations: what a {@link BatchLog} is told besides slices. Frame ranges are a
 * first frame and a number of pages.
 */
public sealed interface Change {

    /**
     * A guest was let in.
     *
     * @param lastBfn aperture of the host IOMMU that it found
     * @param cutsMappings whether that can take a page out of a larger mapping
     * @param policy what it may do
     * @param endpoints its devices
     * @param admitted false when the host IOMMU refused one of its devices, and then to take the others back: the guest is
     *     dead, and its number stays taken
     */
    record GuestAdded(
            long lastBfn,
            boolean cutsMappings,
            GuestPolicy policy,
            List<EndpointDescriptor> endpoints,
            boolean admitted)
            implements Change {}

    /**
     * A guest's life ended, or one more attempt was made to end it.
     *
     * @param heldByGrantees whether another guest still held frames of it, which keeps its number and its frames
     * @param done whether everything is gone and the number is free
     */
    record GuestRemoved(boolean heldByGrantees, boolean done) implements Change {}

    /**
     * Memory was registered.
     *
     * @param file the file behind it
     * @param fileOffsetBytes where in the file it begins
     */
    record MemoryRegistered(long firstMfn, long pages, FileIdentity file, long fileOffsetBytes) implements Change {}

    /** Memory was taken back. */
    record MemoryUnregistered(long firstMfn, long pages) implements Change {}

    /**
     * Frames of another guest appeared in this guest's frame numbers.
     *
     * @param ownerId whose frames
     * @param ownerFirstMfn where in the owner's numbers
     * @param firstMfn where in this guest's numbers
     * @param access {@link Access} bits
     */
    record GrantGiven(int ownerId, long ownerFirstMfn, long pages, long firstMfn, int access) implements Change {}

    /**
     * A grant was taken back.
     *
     * @param firstMfn where in this guest's numbers
     * @param force whether what was mapped was unmapped
     */
    record GrantRevoked(long firstMfn, boolean force) implements Change {}

    /**
     * A guest that was there before the service was started again has come back with the same memory: its mappings are in the
     * host IOMMU again, and its devices may do DMA.
     */
    record GuestReturned() implements Change {}

    /**
     * Memory went without being asked for: nothing leads there any more.
     *
     * @param done false when the host IOMMU did not let go of it: it stays registered, for nobody to map
     */
    record MemoryLost(long firstMfn, long pages, boolean done) implements Change {}

    /**
     * A virtio-iommu device was opened.
     *
     * @param endpoints those that it governs, which were in address spaces of hypercalls before
     * @param bypass whether those in no domain reach the guest's memory
     * @param opened false when the host IOMMU did not let one of them go: then there is no device
     */
    record DeviceOpened(List<Integer> endpoints, boolean bypass, boolean opened) implements Change {
        /** Keeps its own copy of the list. */
        public DeviceOpened {
            endpoints = List.copyOf(endpoints);
        }
    }

    /** Whether endpoints in no domain reach the guest's memory from now on. */
    record BypassSet(boolean on) implements Change {}

    /** All attachments and domains of the virtio-iommu device have ended. */
    record DeviceReset() implements Change {}

    /**
     * The virtio-iommu device is gone; its endpoints are blocked.
     *
     * @param done false when the host IOMMU did not let go of everything
     */
    record DeviceClosed(boolean done) implements Change {}
}
