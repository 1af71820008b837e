package org.pviommu.natives.libc;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestReporter;
import org.junit.jupiter.api.io.TempDir;
import org.pviommu.natives.Errno;

/** Everything the bindings state is what this system's C compiler and headers say. */
class BindingsProbeTest {

    private static final String UNCHECKED = "unchecked.";

    /** What headers that we still build with may lack. Anything else they lack is a failure. */
    private static final Set<String> MAY_BE_MISSING = Set.of("constant.F_SEAL_FUTURE_WRITE");

    /** A member without size, which a generator may leave out. */
    private static final Set<String> MAY_BE_UNSTATED =
            Set.of("sizeof.cmsghdr.__cmsg_data", "offsetof.cmsghdr.__cmsg_data");

    private static Map<String, Long> printed = Map.of();

    @BeforeAll
    static void runProbe(@TempDir Path workFolder) throws Exception {
        printed = Probe.run(workFolder, "probe.c");
    }

    @Test
    void shouldStateWhatTheHeadersSay(TestReporter reporter) {
        Map<String, Long> stated = Bindings.LIBC.facts();
        Set<String> unchecked = unchecked();
        Map<String, Long> compared = new TreeMap<>(stated);
        compared.keySet().removeAll(unchecked);
        Map<String, Long> expected = new TreeMap<>(printed);
        expected.keySet().retainAll(compared.keySet());

        assertEquals(
                expected,
                compared,
                "Java states (actual) what the probe prints (expected); a missing name is one "
                        + "that src/probe/c/probe.c does not print");
        assertTrue(MAY_BE_MISSING.containsAll(unchecked), "headers lack " + unchecked);
        reporter.publishEntry("compared", String.valueOf(compared.size()));
        unchecked.forEach(name -> reporter.publishEntry("not checked", name));
    }

    @Test
    void shouldFindTheBindingsToCompare() {
        Set<String> structures =
                Bindings.LIBC.structures().stream().map(Class::getSimpleName).collect(Collectors.toSet());

        assertEquals(
                Set.of(
                        "iovec",
                        "msghdr",
                        "cmsghdr",
                        "sockaddr_un",
                        "ucred",
                        "pollfd",
                        "epoll_data",
                        "epoll_event",
                        "timespec",
                        "stat"),
                structures);
        assertTrue(Bindings.LIBC.constants().keySet().containsAll(Set.of("MFD_CLOEXEC", "MAP_FAILED", "EPOLLRDHUP")));
        assertTrue(Bindings.LIBC.facts().keySet().containsAll(Set.of("sizeof.stat", "offsetof.epoll_event.data")));
    }

    @Test
    void shouldNotProbeWhatNobodyStates() {
        Set<String> surplus = printed.keySet().stream()
                .filter(name -> !name.startsWith("errno.") && !name.startsWith(UNCHECKED))
                .collect(Collectors.toCollection(TreeSet::new));
        surplus.removeAll(Bindings.LIBC.facts().keySet());
        surplus.removeAll(MAY_BE_UNSTATED);

        assertEquals(Set.of(), surplus);
    }

    @Test
    void shouldNameEveryErrorNumber() {
        Map<String, Long> errors = printed.entrySet().stream()
                .filter(entry -> entry.getKey().startsWith("errno."))
                .collect(Collectors.toMap(entry -> entry.getKey().substring("errno.".length()), Map.Entry::getValue));

        Map<String, Long> named = new TreeMap<>();
        for (int number = 1; number < 200; number++) {
            if (!Errno.name(number).equals("E" + number)) {
                named.put(Errno.name(number), (long) number);
            }
        }
        assertEquals(new TreeMap<>(errors), named);
    }

    @Test
    void shouldHaveTheHeadersErrorNumbers() throws Exception {
        int compared = 0;
        for (var constant : Errno.class.getFields()) {
            assertEquals(printed.get("errno." + constant.getName()), (long) constant.getInt(null), constant.getName());
            compared++;
        }
        assertTrue(compared > 30, "compared=" + compared);
    }

    private static Set<String> unchecked() {
        return printed.keySet().stream()
                .filter(name -> name.startsWith(UNCHECKED))
                .map(name -> name.substring(UNCHECKED.length()))
                .collect(Collectors.toCollection(TreeSet::new));
    }
}
