package org.pviommu.natives.libc;

import static org.junit.jupiter.api.Assertions.assertAll;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.AddressLayout;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.reflect.Method;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/** The bindings have the shape that jextract generates, and jextract's inputs ask for exactly these bindings. */
class BindingsShapeTest {

    private static final long POINTER = 0x0102030405060708L;
    private static final Path INPUTS = Path.of("src/jextract");

    @TestFactory
    List<DynamicTest> shouldLinkEveryFunction() {
        return Bindings.LIBC.functions().stream()
                .map(name -> DynamicTest.dynamicTest(name, () -> {
                    var address = (MemorySegment) Bindings.call(Bindings.method(LibC.class, name + "$address"));
                    var descriptor =
                            (FunctionDescriptor) Bindings.call(Bindings.method(LibC.class, name + "$descriptor"));
                    var handle = (MethodHandle) Bindings.call(Bindings.method(LibC.class, name + "$handle"));

                    assertNotEquals(0, address.address());
                    assertEquals(descriptor.toMethodType(), handle.type());
                    Method wrapper =
                            Bindings.method(LibC.class, name, handle.type().parameterArray());
                    assertSame(handle.type().returnType(), wrapper.getReturnType());
                }))
                .toList();
    }

    @TestFactory
    List<DynamicTest> shouldReadBackEveryFieldThatIsWritten() {
        return allStructures()
                .flatMap(structure -> Bindings.fields(structure).stream()
                        .map(field -> DynamicTest.dynamicTest(
                                structure.getSimpleName() + "." + field, () -> writeAndReadBack(structure, field))))
                .toList();
    }

    @Test
    void shouldCallWithoutErrno() {
        assertEquals(ProcessHandle.current().pid(), LibC.getpid());
        assertEquals(-1, LibC.close(-1));
        assertEquals(-1L, LibC.read(-1, MemorySegment.NULL, 0));
    }

    @Test
    void shouldCallVariadicFunction() {
        LibC.fcntl invoker = LibC.fcntl.makeInvoker(LibC.C_INT);

        assertEquals(-1, invoker.apply(-1, LibC.F_GETFL(), 0));
        assertTrue(invoker.apply(0, LibC.F_GETFL(), 0) >= 0);
        assertEquals(invoker.descriptor().toMethodType(), invoker.handle().type());
        assertEquals(Set.of("fcntl", "open", "ioctl"), Bindings.LIBC.variadicFunctions());
    }

    @Test
    void shouldPackEpollEvent() {
        assertEquals(12, epoll_event.layout().byteSize());
        assertEquals(4, epoll_event.data$offset());
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment events = epoll_event.allocateArray(3, arena);
            MemorySegment last = epoll_event.asSlice(events, 2);
            epoll_event.events(last, 0x12345678);

            assertEquals(0x12345678, events.get(ValueLayout.JAVA_INT_UNALIGNED, 24));
            assertEquals(8, epoll_event.data(last).byteSize());
        }
    }

    @Test
    void shouldRunCleanupOfReinterpretedStructureOnce() {
        try (Arena memory = Arena.ofConfined()) {
            MemorySegment original = iovec.allocateArray(2, memory);
            int[] cleaned = {0};
            Consumer<MemorySegment> cleanup = segment -> cleaned[0]++;
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment both = iovec.reinterpret(MemorySegment.ofAddress(original.address()), 2, arena, cleanup);
                iovec.iov_len(iovec.asSlice(both, 1), 77);
                assertEquals(2 * iovec.sizeof(), both.byteSize());
            }

            assertEquals(77, iovec.iov_len(iovec.asSlice(original, 1)));
            assertEquals(1, cleaned[0]);
        }
    }

    @Test
    void shouldAskJextractForExactlyTheseBindings() throws IOException {
        assertAll(
                () -> assertEquals(
                        requested("libc.args", "constant"),
                        Bindings.LIBC.constants().keySet()),
                () -> assertEquals(requested("libc.args", "function"), functions()),
                () -> assertEquals(requested("libc.args", "struct"), structures(Bindings.LIBC, false)),
                () -> assertEquals(requested("libc.args", "union"), structures(Bindings.LIBC, true)),
                () -> assertEquals(
                        requested("iommu.args", "constant"),
                        Bindings.IOMMU.constants().keySet()),
                () -> assertEquals(requested("iommu.args", "struct"), structures(Bindings.IOMMU, false)),
                () -> assertEquals(Set.of(), structures(Bindings.IOMMU, true)));
    }

    @Test
    void shouldGiveJextractHeadersWithPlainPrototypes(@TempDir Path workFolder) throws Exception {
        String header = INPUTS.resolve("libc.h").toAbsolutePath().toString();

        String expanded =
                Probe.execute(workFolder, Probe.compiler(), "-E", "-P", header).replaceAll("\\s+", " ");

        assertTrue(expanded.contains("extern int bind (int __fd, const struct sockaddr *"), "bind takes a pointer");
        assertTrue(expanded.contains("extern int accept4 (int __fd, struct sockaddr *"), "accept4 takes a pointer");
    }

    private static void writeAndReadBack(Class<?> structure, String field) {
        try (Arena arena = Arena.ofConfined()) {
            var memory = (MemorySegment)
                    Bindings.call(Bindings.method(structure, "allocate", SegmentAllocator.class), arena);
            var layout = (MemoryLayout) Bindings.call(Bindings.method(structure, field + "$layout"));
            Method getter = Bindings.method(structure, field, MemorySegment.class);
            Object value = sample(layout, arena);
            Bindings.call(
                    Bindings.method(structure, field, MemorySegment.class, getter.getReturnType()), memory, value);

            assertEquals(plain(value), plain(Bindings.call(getter, memory)));
        }
    }

    private static Object sample(MemoryLayout layout, Arena arena) {
        if (layout instanceof ValueLayout.OfByte) {
            return (byte) 0x01;
        } else if (layout instanceof ValueLayout.OfShort) {
            return (short) 0x0102;
        } else if (layout instanceof ValueLayout.OfInt) {
            return 0x01020304;
        } else if (layout instanceof ValueLayout.OfLong) {
            return 0x0102030405060708L;
        }
        boolean pointer = layout instanceof AddressLayout;
        return pointer
                ? MemorySegment.ofAddress(POINTER)
                : arena.allocate(layout.byteSize()).fill((byte) 0x5a);
    }

    /** A part of the structure by its bytes; a pointer by its address, since how much it points to is a matter of taste. */
    private static Object plain(Object value) {
        if (!(value instanceof MemorySegment segment)) {
            return value;
        }
        boolean pointer = segment.address() == POINTER;
        return pointer ? segment.address() : HexFormat.of().formatHex(segment.toArray(ValueLayout.JAVA_BYTE));
    }

    private static Stream<Class<?>> allStructures() {
        return Stream.concat(Bindings.LIBC.structures().stream(), Bindings.IOMMU.structures().stream());
    }

    private static Set<String> functions() {
        Set<String> functions = new TreeSet<>(Bindings.LIBC.functions());
        functions.addAll(Bindings.LIBC.variadicFunctions());
        return functions;
    }

    private static Set<String> structures(Bindings bindings, boolean unions) {
        return bindings.structures().stream()
                .filter(structure -> Bindings.isUnion(structure) == unions)
                .map(Class::getSimpleName)
                .collect(Collectors.toCollection(TreeSet::new));
    }

    private static Set<String> requested(String arguments, String kind) throws IOException {
        String option = "--include-" + kind + " ";
        return Files.readAllLines(INPUTS.resolve(arguments)).stream()
                .filter(line -> line.startsWith(option))
                .map(line -> line.substring(option.length()))
                .collect(Collectors.toCollection(TreeSet::new));
    }
}
