package org.pviommu.systemtests.service;

import java.nio.file.Path;
import org.pviommu.server.IommuService;
import org.pviommu.server.Plant;
import org.pviommu.server.config.ServiceSettings;

/**
 * The service without HTTP, for loops that start it often: engine, journal and ring as the real one wires them. Takes a
 * directory; says "ready", and at SIGTERM the digest of each guest before it stops.
 */
public final class LoopService {
    private LoopService() {}

    static Path ring(Path directory) {
        return directory.resolve("ring.sock");
    }

    static Path journal(Path directory) {
        return directory.resolve("journal");
    }

    /** Runs until it is ended. */
    public static void main(String[] arguments) throws InterruptedException {
        Path directory = Path.of(arguments[0]);
        IommuService service =
                IommuService.start(ServiceSettings.defaults(), ring(directory), journal(directory), Plant.NONE);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            service.engine()
                    .guests()
                    .forEach(guest -> System.out.println("guest=" + guest.id() + " digest=" + guest.digest() + " pages="
                            + guest.mappedFrames() + ";"));
            service.close();
        }));
        System.out.println("ready");
        System.out.flush();
        Thread.sleep(Long.MAX_VALUE);
    }
}
