package org.pviommu.server;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import org.pviommu.abi.RingAbi;

/** Versions that the API and the CLI tell. */
public final class Version {
    /** Version of this build, as the root pom has it. */
    public static final String SERVICE = read();

    /** Version of the ring transport. */
    public static final long RING_PROTOCOL = RingAbi.VERSION;

    private Version() {}

    /** Version of the Java runtime that runs this. */
    public static String java() {
        return Runtime.version().toString();
    }

    private static String read() {
        try (InputStream in = Version.class.getResourceAsStream("version.txt")) {
            if (in == null) {
                throw new IllegalStateException("version.txt is missing from this build");
            }
            return new String(in.readAllBytes(), StandardCharsets.UTF_8).strip();
        } catch (IOException unreadable) {
            throw new UncheckedIOException(unreadable);
        }
    }
}
