package org.pviommu.server.demo;

import java.util.ArrayDeque;
import java.util.concurrent.TimeUnit;

/**
 * The processes that the demonstration started. Ended newest first, politely and then firmly, when it is done or when
 * somebody presses Ctrl-C.
 */
final class Children implements AutoCloseable {
    private static final long GRACE_SECONDS = 10;

    private final ArrayDeque<Process> running = new ArrayDeque<>();
    private final Thread onExit = new Thread(this::exit, "demo-end-children");
    private volatile Runnable lastAction = () -> {};

    Children() {
        Runtime.getRuntime().addShutdownHook(onExit);
    }

    synchronized Process add(Process process) {
        running.push(process);
        return process;
    }

    /** Ends one process with SIGTERM and waits; its exit code, or -1 if it had to be killed. */
    static int end(Process process) {
        process.destroy();
        return awaitOrKill(process);
    }

    /** Waits for a process that is about to end by itself; its exit code, or -1 if it had to be killed. */
    static int awaitOrKill(Process process) {
        try {
            if (process.waitFor(GRACE_SECONDS, TimeUnit.SECONDS)) {
                return process.exitValue();
            }
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
        }
        process.destroyForcibly();
        return -1;
    }

    /** What Ctrl-C or SIGTERM shall do when all processes have ended. */
    void onInterruption(Runnable action) {
        lastAction = action;
    }

    private void exit() {
        endAll();
        lastAction.run();
    }

    private synchronized void endAll() {
        while (!running.isEmpty()) {
            Process process = running.pop();
            if (process.isAlive()) {
                end(process);
            }
        }
    }

    @Override
    public void close() {
        endAll();
        Runtime.getRuntime().removeShutdownHook(onExit);
    }
}
