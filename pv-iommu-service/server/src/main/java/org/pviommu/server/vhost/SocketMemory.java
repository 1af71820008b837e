package org.pviommu.server.vhost;

import java.util.List;
import org.pviommu.virtio.memory.MemoryOwner;
import org.pviommu.virtio.vhost.MappedRegion;

/** One socket's part in a virtual machine's memory. An object for each socket. */
final class SocketMemory implements MemoryOwner {
    private final VirtualMachine machine;

    SocketMemory(VirtualMachine machine) {
        this.machine = machine;
    }

    @Override
    public void memoryChanged(List<MappedRegion> regions) {
        machine.memoryChanged(this, regions);
    }

    @Override
    public void disconnected() {
        machine.memoryChanged(this, List.of());
    }
}
