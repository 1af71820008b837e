package org.pviommu.server.vhost;

import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import org.pviommu.virtio.vhost.VhostLog;

/** The service's log, for sockets. */
final class ServiceLog implements VhostLog {
    private static final Logger LOGGER = System.getLogger("org.pviommu.server.vhost");

    @Override
    public void info(String message) {
        LOGGER.log(Level.INFO, message);
    }

    @Override
    public void warning(String message) {
        LOGGER.log(Level.WARNING, message);
    }

    @Override
    public void error(String message, Throwable cause) {
        LOGGER.log(Level.ERROR, message, cause);
    }
}
