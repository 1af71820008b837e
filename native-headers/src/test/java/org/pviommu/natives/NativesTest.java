package org.pviommu.natives;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class NativesTest {

    @Test
    void shouldTellWhoWeAre() throws Exception {
        Path self = Path.of("/proc/self");

        assertEquals(ProcessHandle.current().pid(), Natives.pid());
        assertEquals(Files.getAttribute(self, "unix:uid"), Natives.uid());
        assertEquals(Files.getAttribute(self, "unix:gid"), Natives.gid());
    }
}
