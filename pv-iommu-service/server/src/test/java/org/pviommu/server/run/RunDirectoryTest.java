package org.pviommu.server.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.pviommu.natives.Natives;

class RunDirectoryTest {
    @TempDir
    Path temporary;

    @Test
    void shouldBeForTheOwnerAlone() throws IOException {
        try (RunDirectory directory = RunDirectory.claim(temporary.resolve("run"))) {
            assertEquals("rwx------", permissions(directory.path()));
            assertEquals("rw-------", permissions(directory.path().resolve(RunFiles.TOKEN)));
            assertEquals(
                    directory.token(),
                    Files.readString(directory.path().resolve(RunFiles.TOKEN)).strip());
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"rwxrwxrwx", "rwxr-xr-x", "rwx-----x"})
    void shouldNeitherUseNorChangeADirectoryThatOthersCanEnter(String mode) throws IOException {
        Path shared = Files.createDirectory(temporary.resolve("shared"));
        Files.setPosixFilePermissions(shared, PosixFilePermissions.fromString(mode));

        RunDirectoryException refused = assertThrows(RunDirectoryException.class, () -> RunDirectory.claim(shared));

        assertTrue(String.valueOf(refused.getMessage()).contains("chmod 700"), refused::toString);
        assertEquals(mode, permissions(shared));
        try (Stream<Path> files = Files.list(shared)) {
            assertEquals(0, files.count());
        }
    }

    /** Somebody may have laid it there to be told our token, or to have us write into a directory of ours. */
    @Test
    void shouldNotFollowALink() throws IOException {
        Path target = Files.createDirectory(
                temporary.resolve("target"),
                PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
        Path link = Files.createSymbolicLink(temporary.resolve("link"), target);

        assertThrows(RunDirectoryException.class, () -> RunDirectory.claim(link));
    }

    @Test
    void shouldRefuseTheDirectoryOfAnotherUser() throws IOException {
        Path foreign = Files.createDirectory(
                temporary.resolve("foreign"),
                PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
        assumeTrue(Natives.uid() == 0, "only root can make one");
        Files.setAttribute(foreign, "unix:uid", 12345);

        assertThrows(RunDirectoryException.class, () -> RunDirectory.claim(foreign));
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
        Path path = temporary.resolve("run");
        RunDirectory.claim(path).close();
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
