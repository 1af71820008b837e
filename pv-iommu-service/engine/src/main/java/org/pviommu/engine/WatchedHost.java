package org.pviommu.engine;

/** A host address space whose unusual answers are noted for the record of the call under way. Under the guest's lock. */
final class WatchedHost implements HostAddressSpace {
    private final HostAddressSpace host;
    private final OutsideEvents events;

    WatchedHost(HostAddressSpace host, OutsideEvents events) {
        this.host = host;
        this.events = events;
    }

    /** The host's own. */
    HostAddressSpace watched() {
        return host;
    }

    @Override
    public int map(long firstBfn, long pages, GuestMemory memory, long offsetBytes, int access) {
        return (int) events.answered(host.map(firstBfn, pages, memory, offsetBytes, access), 0);
    }

    @Override
    public long unmap(long firstBfn, long pages) {
        return events.answered(host.unmap(firstBfn, pages), pages);
    }

    @Override
    public int flush(IotlbGather gather) {
        return (int) events.answered(host.flush(gather), 0);
    }

    @Override
    public int attach(int endpoint) {
        return (int) events.answered(host.attach(endpoint), 0);
    }

    @Override
    public int detach(int endpoint) {
        return (int) events.answered(host.detach(endpoint), 0);
    }

    @Override
    public void destroy() {
        host.destroy();
    }
}
