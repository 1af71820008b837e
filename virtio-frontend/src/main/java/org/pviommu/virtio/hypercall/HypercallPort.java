package org.pviommu.virtio.hypercall;

import java.util.List;
import org.pviommu.virtio.vhost.MappedRegion;

/** Port: what executes the hypercalls of one guest. All calls come from the thread of the device's socket. */
public interface HypercallPort {

    /**
     * One hypercall, done when this returns.
     *
     * @param cmd sub-operation, modifiers, context
     * @param arg guest-physical address of the array, unsigned
     * @param count number of elements, unsigned
     * @return what the guest is told: 0 or more, or a negative {@link org.pviommu.abi.IommuStatus}
     */
    long call(int cmd, long arg, int count);

    /** The guest's memory has changed; see {@link org.pviommu.virtio.vhost.VhostDevice#memoryChanged}. */
    void memoryChanged(List<MappedRegion> regions);

    /** The front-end is gone. */
    void disconnected();
}
