package org.pviommu.systemtests.service;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The patterns of docs/guest-side.md, run by the C guest against the real service. */
class GuestPatternsTest {
    /** The device that guest 1 has without configuration. */
    private static final String ENDPOINT = "0x10008";

    @TempDir
    private Path directory;

    @Test
    void shouldServeEveryPattern() {
        try (ServiceProcess service = ServiceProcess.start(directory)) {
            Dom0Guest.requireGoodRun(service, 1, "--memory", "64M", "--no-map", "--patterns", "--endpoint", ENDPOINT);
        }
    }

    @Test
    void shouldServeEveryPatternWhereMappingsCannotBeCut() {
        try (ServiceProcess service = ServiceProcess.start(
                directory,
                "backend: {simulated: {cuts-mappings: false}}",
                "guests: {1: {quotas: {max-held-frames: 512}}}")) {
            Dom0Guest.requireGoodRun(service, 1, "--memory", "64M", "--no-map", "--patterns", "--endpoint", ENDPOINT);
        }
    }
}
