package org.pviommu.abi;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The Java view against the C headers, by a C program compiled here and now. */
class AbiProbeTest {
    private static final List<Class<?>> CLASSES = List.of(
            IommuOp.class,
            IommuStatus.class,
            IommuMapOp.class,
            IommuMixedOp.class,
            IommuRangeOp.class,
            IommuContextOp.class,
            IommuAttachOp.class,
            IommuReservedRange.class,
            IommuCaps.class,
            RingAbi.class,
            VirtioAbi.class);

    private static final Path PROBE_SOURCE = Tool.MODULE.resolve("src/test/c/abi_probe.c");
    private static final int STRUCTURE_BYTES_MAX = 64;

    private static Map<String, Long> probe = Map.of();

    @BeforeAll
    static void compileAndRunProbe(@TempDir Path directory) {
        Path program = directory.resolve("abi_probe");
        Tool.run(List.of(
                "cc",
                "-std=c11",
                "-Wall",
                "-Wextra",
                "-Werror",
                "-I" + Tool.INCLUDE,
                "-o",
                program.toString(),
                PROBE_SOURCE.toString()));
        probe = new TreeMap<>();
        for (String line : Tool.run(List.of(program.toString())).lines().toList()) {
            int equals = line.lastIndexOf('=');
            Long previous = probe.put(line.substring(0, equals), Long.valueOf(line.substring(equals + 1)));
            assertEquals(null, previous, "printed twice: " + line);
        }
    }

    @Test
    void shouldAgreeOnEveryConstantBothWays() {
        Map<String, Long> fromC = new TreeMap<>(probe);
        fromC.keySet().removeIf(key -> key.contains("(") || key.contains("#"));

        assertEquals(lines(fromC), lines(javaConstants()));
    }

    @Test
    void shouldAgreeOnComputedValues() {
        int cmd = IommuOp.cmd(12, 0x100, 0xfffe);
        Map<String, Long> fromJava = new TreeMap<>();
        fromJava.put("IommuOp.cmd(12,0x100,0xfffe)", (long) cmd);
        fromJava.put("IommuOp.cmd(0x1ff,0x1ffff,0x1ffff)", (long) IommuOp.cmd(0x1ff, 0x1ffff, 0x1ffff));
        fromJava.put("IommuOp.subOp(cmd)", (long) IommuOp.subOp(cmd));
        fromJava.put("IommuOp.modifiers(cmd)", (long) IommuOp.modifiers(cmd));
        fromJava.put("IommuOp.contextNumber(cmd)", (long) IommuOp.contextNumber(cmd));
        fromJava.put("RingAbi.word(0x40000001,2)", (long) RingAbi.word(0x40000001, RingAbi.SLOT_DONE));
        fromJava.put("RingAbi.word(0x3fffffff,1)", (long) RingAbi.word(0x3fffffff, RingAbi.SLOT_READY));
        fromJava.put("RingAbi.welcomeFds(64)", (long) RingAbi.welcomeFds(RingAbi.MAX_SLOTS));
        fromJava.put("sizeof(struct pvi_ring_header)", RingAbi.slotOffset(0));
        fromJava.put("sizeof(struct pvi_slot)", RingAbi.slotOffset(1) - RingAbi.slotOffset(0));

        Map<String, Long> fromC = new TreeMap<>(probe);
        fromC.keySet().removeIf(key -> !key.contains("(") || key.endsWith("()"));
        assertEquals(lines(fromC), lines(fromJava));
    }

    @Test
    void shouldReadEveryFieldAsCDoes() throws ReflectiveOperationException {
        MemorySegment pattern = pattern();
        Map<String, Long> fromJava = new TreeMap<>();
        for (Method getter : getters()) {
            long value = ((Number) getter.invoke(null, pattern, 0L)).longValue();
            fromJava.put(getter.getDeclaringClass().getSimpleName() + "." + getter.getName() + "()", value);
        }

        Map<String, Long> fromC = new TreeMap<>(probe);
        fromC.keySet().removeIf(key -> !key.endsWith("()"));
        assertEquals(lines(fromC), lines(fromJava));
    }

    @Test
    void shouldWriteEveryFieldAndNothingElse() throws ReflectiveOperationException {
        int written = 0;
        for (Method getter : getters()) {
            String property = getter.getName();
            String key = getter.getDeclaringClass().getSimpleName() + "." + property;
            Method setter = setterOf(getter);
            long value = ((Number) getter.invoke(null, pattern(), 0L)).longValue();

            MemorySegment same = pattern();
            setter.invoke(null, same, 0L, boxed(setter, value));
            assertArrayEquals(bytes(pattern()), bytes(same), key);

            MemorySegment inverted = pattern();
            setter.invoke(null, inverted, 0L, boxed(setter, ~value));
            assertEquals(probe.get(key + "#bytes"), differing(pattern(), inverted), key + ": bytes that change");
            written++;
        }
        assertEquals(
                probe.keySet().stream().filter(key -> key.endsWith("#bytes")).count(), written);
    }

    /** The probe can only check what it names: every constant that the headers define has to be in it. */
    @Test
    void shouldProbeEveryConstantOfTheHeaders() throws IOException {
        String source = Files.readString(PROBE_SOURCE);
        List<String> missing = new ArrayList<>();
        int seen = 0;
        for (String header : List.of("xen/pv_iommu.h", "pvi_ring.h", "pv_iommu_virtio.h")) {
            String macros = Tool.run(List.of(
                    "cc", "-std=c11", "-E", "-dM", Tool.INCLUDE.resolve(header).toString()));
            Matcher matcher = Pattern.compile("#define ((?:IOMMU|PVI_|PV_IOMMU_|__HYPERVISOR)\\w+)(?:\\(.*?\\))? +\\S")
                    .matcher(macros);
            while (matcher.find()) {
                seen++;
                String name = matcher.group(1);
                if (!Pattern.compile("\\b" + name + "\\b").matcher(source).find()) {
                    missing.add(name);
                }
            }
        }
        assertEquals(List.of(), missing);
        assertTrue(seen > 60, "macros seen: " + seen);
    }

    /** Every class of the package that has constants takes part. */
    @Test
    void shouldCoverEveryClassOfThePackage() throws IOException {
        Path sources = Tool.MODULE.resolve("src/main/java/org/pviommu/abi");
        try (var files = Files.list(sources)) {
            List<String> names = files.map(file -> file.getFileName().toString())
                    .filter(name -> !name.equals("package-info.java") && !name.equals("WireLayout.java"))
                    .map(name -> name.substring(0, name.length() - ".java".length()))
                    .sorted()
                    .toList();
            assertEquals(
                    names, CLASSES.stream().map(Class::getSimpleName).sorted().toList());
        }
    }

    private static Map<String, Long> javaConstants() {
        Map<String, Long> constants = new TreeMap<>();
        for (Class<?> type : CLASSES) {
            for (Field field : type.getDeclaredFields()) {
                if (Modifier.isPublic(field.getModifiers())) {
                    constants.put(type.getSimpleName() + "." + field.getName(), valueOf(field));
                }
            }
        }
        return constants;
    }

    private static long valueOf(Field field) {
        try {
            return ((Number) field.get(null)).longValue();
        } catch (IllegalAccessException e) {
            throw new AssertionError(field.toString(), e);
        }
    }

    /** Methods of the shape (segment, offset): each reads one field. */
    private static List<Method> getters() {
        List<Method> methods = new ArrayList<>();
        for (Class<?> type : CLASSES) {
            for (Method method : type.getDeclaredMethods()) {
                if (method.getParameterCount() == 2 && method.getParameterTypes()[0] == MemorySegment.class) {
                    methods.add(method);
                }
            }
        }
        return methods;
    }

    private static Method setterOf(Method getter) throws NoSuchMethodException {
        String name = getter.getName();
        String setter = "put" + name.substring(0, 1).toUpperCase(Locale.ROOT) + name.substring(1);
        return getter.getDeclaringClass()
                .getDeclaredMethod(setter, MemorySegment.class, long.class, getter.getReturnType());
    }

    private static Object boxed(Method setter, long value) {
        if (setter.getParameterTypes()[2] == int.class) {
            return (int) value;
        }
        return value;
    }

    /** The bytes that the probe uses as well; over long[], so that every field is aligned. */
    private static MemorySegment pattern() {
        MemorySegment segment = MemorySegment.ofArray(new long[STRUCTURE_BYTES_MAX / Long.BYTES]);
        for (int i = 0; i < STRUCTURE_BYTES_MAX; i++) {
            segment.set(ValueLayout.JAVA_BYTE, i, (byte) (i * 37 + 201));
        }
        return segment;
    }

    private static byte[] bytes(MemorySegment segment) {
        return segment.toArray(ValueLayout.JAVA_BYTE);
    }

    private static long differing(MemorySegment a, MemorySegment b) {
        long count = 0;
        for (int i = 0; i < STRUCTURE_BYTES_MAX; i++) {
            count += a.get(ValueLayout.JAVA_BYTE, i) == b.get(ValueLayout.JAVA_BYTE, i) ? 0 : 1;
        }
        return count;
    }

    private static String lines(Map<String, Long> values) {
        StringBuilder text = new StringBuilder();
        values.forEach(
                (key, value) -> text.append(key).append('=').append(value).append('\n'));
        return text.toString();
    }
}
