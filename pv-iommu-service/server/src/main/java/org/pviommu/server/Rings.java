package org.pviommu.server;

import java.nio.file.Path;
import org.pviommu.engine.Engine;
import org.pviommu.server.config.ServiceSettings;
import org.pviommu.server.ring.RingScratch;
import org.pviommu.server.ring.RingServer;
import org.pviommu.server.ring.RingSettings;

/** Settings of ours, as the ring transport wants them. */
final class Rings {
    private Rings() {}

    static RingServer create(ServiceSettings settings, Path path, Engine engine) {
        return RingScratch.create(RingSettings.defaults(path));
    }
}
