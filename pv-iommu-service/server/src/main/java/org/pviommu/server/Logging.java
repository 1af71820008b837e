package org.pviommu.server;

import java.util.List;
import java.util.logging.Level;
import java.util.logging.Logger;

/** The log of the service: one line per event on standard error, ours from INFO on, libraries' from WARNING on. */
public final class Logging {
    /** Held, because java.util.logging forgets a logger's level with the logger. */
    private static final List<Logger> LIBRARIES = List.of(
            Logger.getLogger("io.micronaut"),
            Logger.getLogger("io.netty"),
            Logger.getLogger("reactor"),
            Logger.getLogger("net.openhft"));

    /** Says at each start, with a stack trace, that it cannot pin threads to processors, which nobody asked it to. */
    private static final Logger AFFINITY = Logger.getLogger("net.openhft.affinity");

    private Logging() {}

    /** To be called before the first line is logged. */
    public static void configure() {
        if (System.getProperty("java.util.logging.SimpleFormatter.format") == null) {
            System.setProperty(
                    "java.util.logging.SimpleFormatter.format", "%1$tFT%1$tT.%1$tL%1$tz %4$s %3$s: %5$s%6$s%n");
        }
        AFFINITY.setLevel(Level.OFF);
        for (Logger library : LIBRARIES) {
            library.setLevel(Level.WARNING);
        }
    }
}
