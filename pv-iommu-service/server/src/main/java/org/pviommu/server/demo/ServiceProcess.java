package org.pviommu.server.demo;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.pviommu.server.run.RunFiles;

/** The service under demonstration: a child process in a run directory of its own. */
final class ServiceProcess {
    private static final long START_SECONDS = 60;
    private static final long POLL_MS = 20;

    private final Process process;
    private final Path log;

    private ServiceProcess(Process process, Path log) {
        this.process = process;
        this.log = log;
    }

    /** Starts it and waits until it answers. */
    static ServiceProcess start(Children children, Path runDir, Path log, List<String> command)
            throws InterruptedException {
        try {
            Process process = new ProcessBuilder(command)
                    .redirectInput(
                            ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()))
                    .redirectOutput(log.toFile())
                    .redirectErrorStream(true)
                    .start();
            ServiceProcess service = new ServiceProcess(children.add(process), log);
            service.awaitReady(runDir.resolve(RunFiles.READY));
            return service;
        } catch (IOException failed) {
            throw new DemoFailure("the service cannot be started: " + failed.getMessage(), failed);
        }
    }

    private void awaitReady(Path ready) throws InterruptedException {
        long deadlineNs = System.nanoTime() + TimeUnit.SECONDS.toNanos(START_SECONDS);
        while (!Files.exists(ready)) {
            if (!process.isAlive() || System.nanoTime() > deadlineNs) {
                throw new DemoFailure("the service did not come up: " + lastLines());
            }
            Thread.sleep(POLL_MS);
        }
    }

    private String lastLines() {
        try {
            List<String> lines = Files.readAllLines(log);
            return String.join(" | ", lines.subList(Math.max(0, lines.size() - 5), lines.size()));
        } catch (IOException unreadable) {
            return "log=" + log + " cannot be read";
        }
    }

    long pid() {
        return process.pid();
    }

    Process process() {
        return process;
    }
}
