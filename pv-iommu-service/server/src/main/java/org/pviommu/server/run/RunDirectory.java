package org.pviommu.server.run;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.util.EnumSet;
import java.util.HexFormat;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.pviommu.natives.Natives;

/**
 * The run directory of one service, held by a file lock from {@link #claim} to {@link #close}. The lock belongs to the
 * process, so it is gone when the process is, however it ended; files that a dead service left are simply replaced.
 */
public final class RunDirectory implements AutoCloseable {
    private static final int TOKEN_BYTES = 32;
    private static final Set<PosixFilePermission> OWNER_ONLY_DIRECTORY = PosixFilePermissions.fromString("rwx------");
    private static final Set<PosixFilePermission> OWNER_ONLY_FILE =
            EnumSet.of(PosixFilePermission.OWNER_READ, PosixFilePermission.OWNER_WRITE);

    private static final int PERMISSION_BITS = 07777;
    /** What group and others may do. */
    private static final int NOT_OWNER_BITS = 077;

    /** The longest path that fits {@code sockaddr_un.sun_path} with its final zero. */
    private static final int MAX_SOCKET_PATH_BYTES = 107;

    private final Path path;
    private final FileChannel lockFile;
    private final FileLock lock;
    private final String token;

    private RunDirectory(Path path, FileChannel lockFile, FileLock lock, String token) {
        this.path = path;
        this.lockFile = lockFile;
        this.lock = lock;
        this.token = token;
    }

    /**
     * Makes the directory (0700) unless it is there, takes its lock, and writes a new token and our pid.
     *
     * @throws RunDirectoryException when another service holds it, it cannot be written, or others can get at it
     */
    public static RunDirectory claim(Path directory) {
        Path path = directory.toAbsolutePath().normalize();
        try {
            Files.createDirectories(path, PosixFilePermissions.asFileAttribute(OWNER_ONLY_DIRECTORY));
            requirePrivate(path);
            return lockAndFill(path);
        } catch (IOException refused) {
            throw new RunDirectoryException("run-dir=" + path + " cannot be used", refused);
        }
    }

    /**
     * One that was there before may be another user's, who waits for our token in it, or a link; or a directory that all
     * share, such as /tmp. So it is looked at, and never changed: a mode of ours would lock the others out.
     */
    private static void requirePrivate(Path path) throws IOException {
        boolean isDirectory = Files.isDirectory(path, LinkOption.NOFOLLOW_LINKS);
        int uid = (int) Files.getAttribute(path, "unix:uid", LinkOption.NOFOLLOW_LINKS);
        int mode = (int) Files.getAttribute(path, "unix:mode", LinkOption.NOFOLLOW_LINKS) & PERMISSION_BITS;
        if (!isDirectory || uid != Natives.uid() || (mode & NOT_OWNER_BITS) != 0) {
            throw new RunDirectoryException("run-dir=" + path + " has uid=" + uid + " mode="
                    + Integer.toOctalString(mode) + " but must be a directory of uid=" + Natives.uid()
                    + " and mode=700: name a new one, or chmod 700 it");
        }
    }

    private static RunDirectory lockAndFill(Path path) throws IOException {
        FileChannel channel = FileChannel.open(
                path.resolve("lock"),
                Set.of(StandardOpenOption.CREATE, StandardOpenOption.WRITE),
                PosixFilePermissions.asFileAttribute(OWNER_ONLY_FILE));
        try {
            FileLock lock = tryLock(channel);
            if (lock == null) {
                throw new RunDirectoryException("run-dir=" + path + " is in use by another service" + pidIn(path));
            }
            Files.deleteIfExists(path.resolve(RunFiles.READY));
            String token = newToken();
            RunDirectory claimed = new RunDirectory(path, channel, lock, token);
            claimed.write(RunFiles.TOKEN, token + "\n");
            claimed.write(RunFiles.PID, ProcessHandle.current().pid() + "\n");
            return claimed;
        } catch (IOException | RuntimeException failed) {
            channel.close();
            throw failed;
        }
    }

    private static @Nullable FileLock tryLock(FileChannel channel) throws IOException {
        try {
            return channel.tryLock();
        } catch (OverlappingFileLockException heldByThisProcess) {
            return null;
        }
    }

    private static String pidIn(Path path) {
        try {
            return " (pid=" + Files.readString(path.resolve(RunFiles.PID)).strip() + ")";
        } catch (IOException notThere) {
            return "";
        }
    }

    private static String newToken() {
        byte[] random = new byte[TOKEN_BYTES];
        new SecureRandom().nextBytes(random);
        return HexFormat.of().formatHex(random);
    }

    /** Absolute. */
    public Path path() {
        return path;
    }

    /** What a request over TCP must carry to change anything. */
    public String token() {
        return token;
    }

    /**
     * A socket path in the directory, cleared of what a dead service left there.
     *
     * @throws RunDirectoryException when the path is too long for a socket
     */
    public Path socket(String name) {
        Path socket = path.resolve(name);
        int bytes = socket.toString().getBytes(StandardCharsets.UTF_8).length;
        if (bytes > MAX_SOCKET_PATH_BYTES) {
            throw new RunDirectoryException("socket=" + socket + " has lengthBytes=" + bytes + " max="
                    + MAX_SOCKET_PATH_BYTES + ": choose a shorter --run-dir");
        }
        remove(name);
        return socket;
    }

    /** Writes the ready file, whole or not at all: its appearance is the signal that the service answers. */
    public void publishReady(String json) {
        try {
            write(RunFiles.READY, json);
        } catch (IOException failed) {
            throw new RunDirectoryException("run-dir=" + path + " ready file cannot be written", failed);
        }
    }

    private void write(String name, String content) throws IOException {
        Path temporary = path.resolve(name + ".new");
        Files.deleteIfExists(temporary);
        Files.createFile(temporary, PosixFilePermissions.asFileAttribute(OWNER_ONLY_FILE));
        Files.writeString(temporary, content);
        Files.move(temporary, path.resolve(name), StandardCopyOption.ATOMIC_MOVE);
    }

    /** Removes a file that we or a dead service left; a failure only leaves clutter. */
    public void remove(String name) {
        try {
            Files.deleteIfExists(path.resolve(name));
        } catch (IOException left) {
            System.getLogger(RunDirectory.class.getName())
                    .log(System.Logger.Level.WARNING, "cannot remove " + path.resolve(name) + ": " + left);
        }
    }

    /** Removes what said that a service is here, then lets another one in. The lock file stays: it may be held anew. */
    @Override
    public void close() {
        remove(RunFiles.READY);
        remove(RunFiles.PID);
        remove(RunFiles.TOKEN);
        try (lockFile) {
            lock.release();
        } catch (IOException alreadyGone) {
            System.getLogger(RunDirectory.class.getName())
                    .log(System.Logger.Level.DEBUG, "lock of " + path + ": " + alreadyGone);
        }
    }
}
