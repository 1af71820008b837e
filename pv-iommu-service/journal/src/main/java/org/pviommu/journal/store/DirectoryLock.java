package org.pviommu.journal.store;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Path;

/**
 * Keeps a journal's directory to one writing instance. The kernel drops it with the process, so unlike Chronicle's own lock it
 * is not fooled by a process number that was used again, nor by a service that is process 1 of its container (catalogue E03).
 *
 * <p>Nobody else in this process may open the lock's file: closing any descriptor of a file drops the process's locks on it.
 */
final class DirectoryLock implements AutoCloseable {

    static final String NAME = "lock";

    private final FileChannel channel;

    private DirectoryLock(FileChannel channel) {
        this.channel = channel;
    }

    /** @throws JournalLockedException when another instance has it, in this process or another */
    static DirectoryLock acquire(Path directory) throws IOException {
        FileChannel channel = JournalFiles.openOrCreate(directory.resolve(NAME));
        boolean locked = false;
        try {
            // Held until the channel is closed.
            FileLock lock = channel.tryLock();
            locked = lock != null;
        } catch (OverlappingFileLockException e) {
            // An instance in this process has it; that is as good as any other.
            locked = false;
        } finally {
            if (!locked) {
                channel.close();
            }
        }
        if (!locked) {
            throw new JournalLockedException(directory);
        }
        return new DirectoryLock(channel);
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}
