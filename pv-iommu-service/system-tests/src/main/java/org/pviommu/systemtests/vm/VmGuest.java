package org.pviommu.systemtests.vm;

import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.pviommu.server.Json;

/** The example guest in C, obeying line commands: hypercalls through the shim, and looks into its own memory. */
final class VmGuest implements AutoCloseable {
    /** Its number, which the service's configuration names. */
    static final int ID = 1;

    /** Its first machine frame. */
    static final long FIRST_MFN = 0x1000;

    /** Frames that it has, the arrays of its calls at the end not counted. */
    static final int FRAMES = 2048 - 64;

    private final Process process;
    private final BufferedWriter commands;
    private final BufferedReader answers;

    private VmGuest(Process process) {
        this.process = process;
        commands = process.outputWriter(StandardCharsets.UTF_8);
        answers = process.inputReader(StandardCharsets.UTF_8);
    }

    /** Connects to the service; nothing is mapped. A batch has up to 512 operations. */
    static VmGuest start(VmService service) {
        List<String> command = List.of(
                "/app/dom0-guest",
                "--no-map",
                "--interactive",
                "--memory",
                "8M",
                "--batch",
                "512",
                "--first-mfn",
                Long.toString(FIRST_MFN),
                "--guest",
                Integer.toString(ID),
                "--socket",
                service.ring().toString());
        try {
            Process process = new ProcessBuilder(command)
                    .redirectError(ProcessBuilder.Redirect.INHERIT)
                    .start();
            VmGuest guest = new VmGuest(process);
            Check.equal("interactive", guest.answer().get("phase"), "the guest's first line");
            return guest;
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    /** Sends a command; the answer, which must not be that it was not understood. */
    Map<String, @Nullable Object> obey(String command) {
        try {
            commands.write(command);
            commands.newLine();
            commands.flush();
            Map<String, @Nullable Object> answer = answer();
            Check.that(!answer.containsKey("error"), command + ": " + answer);
            return answer;
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    private Map<String, @Nullable Object> answer() throws IOException {
        String line = answers.readLine();
        Check.that(line != null, "the guest has ended");
        return Json.object(String.valueOf(line));
    }

    /** Maps pages by hypercalls; the name of the first status that is not OK, or OK. Flags are r, w or rw. */
    String map(long bfn, long mfn, String flags, int pages) {
        return status("map " + bfn + " " + mfn + " " + flags + " " + pages);
    }

    /** Unmaps pages; as {@link #map}. */
    String unmap(long bfn, int pages) {
        return status("unmap " + bfn + " " + pages);
    }

    private String status(String command) {
        Map<String, @Nullable Object> answer = obey(command);
        Check.equal(0L, answer.get("result"), command + ": " + answer);
        return String.valueOf(answer.getOrDefault("first_failed_status_name", "OK"));
    }

    /** Fills frames with a pattern that differs from frame to frame and from word to word. */
    void fill(long mfn, int pages) {
        obey("fill " + mfn + " " + pages);
    }

    /** How many of the frames still have the pattern, from the first on. */
    long intact(long mfn, int pages) {
        return Long.parseLong(String.valueOf(obey("check " + mfn + " " + pages).get("intact")));
    }

    /** Bytes of one page in hex. */
    String read(long mfn, int offset, int lengthBytes) {
        return String.valueOf(
                obey("read " + mfn + " " + offset + " " + lengthBytes).get("hex"));
    }

    /** SIGKILL: the service takes back what it had. */
    @Override
    public void close() {
        process.destroyForcibly();
        try {
            process.waitFor();
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted", stopped);
        }
    }
}
