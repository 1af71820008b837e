package org.pviommu.systemtests.service;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** The example guest, in C, as a process of its own. */
final class Dom0Guest implements AutoCloseable {
    /** All expected; the service refused it or is gone. See docs/hypercall-abi.md. */
    static final int EXIT_EXPECTED = 0;

    static final int EXIT_UNREACHABLE = 3;

    /** More than anybody waits for: the guest is busy until it is ended. */
    static final String WITHOUT_END = "1000000000000";

    private static final Path PROGRAM =
            Path.of("../../hypercall-abi/target/native/dom0-guest").toAbsolutePath();

    private final Child child;

    private Dom0Guest(Child child) {
        this.child = child;
    }

    static Dom0Guest start(ServiceProcess service, int guestId, String... options) {
        List<String> command = new ArrayList<>(List.of(
                PROGRAM.toString(),
                "--json",
                "--socket",
                service.ring().toString(),
                "--guest",
                Integer.toString(guestId)));
        command.addAll(List.of(options));
        return new Dom0Guest(Child.start(service.directory(), "guest" + guestId, command));
    }

    /** A guest that maps all of its memory and takes it back must find every result as expected. */
    static void requireGoodRun(ServiceProcess service, int guestId, String... options) {
        try (Dom0Guest guest = start(service, guestId, options)) {
            assertEquals(EXIT_EXPECTED, guest.process().awaitExit(), guest.process()::describe);
        }
    }

    /** Waits until it has reported that phase: connect, map, load. */
    void awaitPhase(String name) {
        child.awaitOutput("\"phase\":\"" + name + "\"");
    }

    Child process() {
        return child;
    }

    @Override
    public void close() {
        child.close();
    }
}
