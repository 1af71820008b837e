package org.pviommu.fuzz;

import java.nio.file.Path;
import org.pviommu.server.ring.RingTarget;
import org.pviommu.virtio.vhost.VhostTarget;

/** What is fuzzed. */
enum Target {
    RING(RingTarget.NAME, RingTarget.class),
    HYPERCALL(HypercallTarget.NAME, HypercallTarget.class),
    QUEUE(QueueTarget.NAME, QueueTarget.class),
    VIRTIO_IOMMU(VirtioIommuTarget.NAME, VirtioIommuTarget.class),
    VHOST_USER(VhostTarget.NAME, VhostTarget.class),
    BLOCK(BlockTarget.NAME, BlockTarget.class);

    private final String id;
    private final Class<?> type;

    Target(String id, Class<?> type) {
        this.id = id;
        this.type = type;
    }

    /** Its name on the command line. */
    String id() {
        return id;
    }

    /** The class whose {@code fuzzerTestOneInput} the fuzzer calls. */
    Class<?> type() {
        return type;
    }

    /** Runs one input. */
    void run(byte[] bytes) {
        switch (this) {
            case RING -> RingTarget.fuzzerTestOneInput(bytes);
            case HYPERCALL -> HypercallTarget.fuzzerTestOneInput(bytes);
            case QUEUE -> QueueTarget.fuzzerTestOneInput(bytes);
            case VIRTIO_IOMMU -> VirtioIommuTarget.fuzzerTestOneInput(bytes);
            case VHOST_USER -> VhostTarget.fuzzerTestOneInput(bytes);
            case BLOCK -> BlockTarget.fuzzerTestOneInput(bytes);
        }
    }

    /** Its inputs in the tree. */
    Path corpus() {
        return Path.of("src", "test", "corpus", id);
    }
}
