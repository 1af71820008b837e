package org.pviommu.server.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RunDirectoryTest {
    @TempDir
    Path temporary;

    @Test
    void shouldBeForTheOwnerAlone() throws IOException {
        Path path = Files.createDirectory(temporary.resolve("open"));
        Files.setPosixFilePermissions(path, PosixFilePermissions.fromString("rwxrwxrwx"));

        try (RunDirectory directory = RunDirectory.claim(path)) {
            assertEquals("rwx------", permissions(directory.path()));
            assertEquals("rw-------", permissions(path.resolve(RunFiles.TOKEN)));
            assertEquals(
                    directory.token(),
                    Files.readString(path.resolve(RunFiles.TOKEN)).strip());
        }
    }

    @Test
    void shouldRefuseASecondService() {
        try (RunDirectory first = RunDirectory.claim(temporary.resolve("run"))) {
            RunDirectoryException refused =
                    assertThrows(RunDirectoryException.class, () -> RunDirectory.claim(first.path()));

            assertTrue(
                    String.valueOf(refused.getMessage()).contains("in use by another service (pid="),
                    refused::toString);
            assertTrue(Files.exists(first.path().resolve(RunFiles.TOKEN)), "the refused one must not touch the files");
        }
    }

    @Test
    void shouldBeFreeAgainAfterClose() {
        Path path = temporary.resolve("run");
        String token;
        try (RunDirectory first = RunDirectory.claim(path)) {
            token = first.token();
        }
        assertFalse(Files.exists(path.resolve(RunFiles.TOKEN)));

        try (RunDirectory second = RunDirectory.claim(path)) {
            assertNotEquals(token, second.token());
        }
    }

    @Test
    void shouldClearWhatADeadServiceLeft() throws IOException {
        Path path = Files.createDirectory(temporary.resolve("run"));
        Files.writeString(path.resolve(RunFiles.READY), "{}");
        Files.writeString(path.resolve(RunFiles.API_SOCKET), "");

        try (RunDirectory directory = RunDirectory.claim(path)) {
            assertFalse(
                    Files.exists(path.resolve(RunFiles.READY)), "nobody may be told of a service that is not there");
            assertFalse(Files.exists(directory.socket(RunFiles.API_SOCKET)));
        }
    }

    @Test
    void shouldNameAPathTooLongForASocket() {
        try (RunDirectory directory = RunDirectory.claim(temporary.resolve("x".repeat(100)))) {
            RunDirectoryException refused =
                    assertThrows(RunDirectoryException.class, () -> directory.socket(RunFiles.API_SOCKET));

            assertTrue(String.valueOf(refused.getMessage()).contains("max=107"), refused::toString);
        }
    }

    @Test
    void shouldRefuseAPathThatIsAFile() throws IOException {
        Path file = Files.createFile(temporary.resolve("file"));

        assertThrows(RunDirectoryException.class, () -> RunDirectory.claim(file));
    }

    private static String permissions(Path path) throws IOException {
        return PosixFilePermissions.toString(Files.getPosixFilePermissions(path));
    }
}
