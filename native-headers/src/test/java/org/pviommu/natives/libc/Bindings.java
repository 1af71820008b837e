package org.pviommu.natives.libc;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.GroupLayout;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.UnionLayout;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.pviommu.natives.iommu.LinuxIommu;

/**
 * What the compiled bindings contain, found by reflection, so that nothing can be added to them without being seen. Works on
 * hand-written and generated classes alike.
 */
final class Bindings {

    /** Those of the C library. */
    static final Bindings LIBC = new Bindings(LibC.class);
    /** Those of the kernel's interfaces to the IOMMU. */
    static final Bindings IOMMU = new Bindings(LinuxIommu.class);

    private static final String LAYOUT = "layout";
    private static final String FIELD_LAYOUT = "$layout";
    private static final String FUNCTION_HANDLE = "$handle";

    private final Class<?> header;

    private Bindings(Class<?> header) {
        this.header = header;
    }

    /** Name to value of all constants; a pointer counts as its address. */
    Map<String, Long> constants() {
        Set<String> functions = functions();
        Map<String, Long> constants = new TreeMap<>();
        accessors(header)
                .filter(method -> !method.getName().contains("$") && !functions.contains(method.getName()))
                .forEach(method -> constants.put(method.getName(), number(call(method))));
        return constants;
    }

    /** Names of all functions that are not variadic. */
    Set<String> functions() {
        return Arrays.stream(header.getMethods())
                .map(Method::getName)
                .filter(name -> name.endsWith(FUNCTION_HANDLE))
                .map(name -> name.substring(0, name.length() - FUNCTION_HANDLE.length()))
                .collect(Collectors.toCollection(TreeSet::new));
    }

    /** Names of all variadic functions. */
    Set<String> variadicFunctions() {
        return Arrays.stream(header.getClasses())
                .filter(nested -> Arrays.stream(nested.getMethods())
                        .anyMatch(method -> method.getName().equals("makeInvoker")))
                .map(Class::getSimpleName)
                .collect(Collectors.toCollection(TreeSet::new));
    }

    /** The classes of all structures and unions. */
    List<Class<?>> structures() {
        List<Class<?>> structures = new ArrayList<>();
        for (String name : classNames()) {
            Class<?> candidate = load(name);
            if (Arrays.stream(candidate.getDeclaredMethods())
                    .anyMatch(method -> method.getName().equals(LAYOUT))) {
                structures.add(candidate);
            }
        }
        return structures;
    }

    static GroupLayout layout(Class<?> structure) {
        return (GroupLayout) call(method(structure, LAYOUT));
    }

    static boolean isUnion(Class<?> structure) {
        return layout(structure) instanceof UnionLayout;
    }

    /** Everything the probe has to print, under the names that the probe uses. */
    Map<String, Long> facts() {
        Map<String, Long> facts = new TreeMap<>();
        constants().forEach((name, value) -> facts.put("constant." + name, value));
        for (Class<?> structure : structures()) {
            String name = structure.getSimpleName();
            facts.put("sizeof." + name, layout(structure).byteSize());
            facts.put("alignof." + name, layout(structure).byteAlignment());
            fields(structure).forEach(field -> {
                String path = name + "." + field;
                MemoryLayout layout = (MemoryLayout) call(method(structure, field + FIELD_LAYOUT));
                facts.put("sizeof." + path, layout.byteSize());
                facts.put("offsetof." + path, number(call(method(structure, field + "$offset"))));
            });
        }
        return facts;
    }

    /** Names of a structure's fields, as its class offers them. */
    static List<String> fields(Class<?> structure) {
        return accessors(structure)
                .map(Method::getName)
                .filter(name -> name.endsWith(FIELD_LAYOUT))
                .map(name -> name.substring(0, name.length() - FIELD_LAYOUT.length()))
                .toList();
    }

    static Method method(Class<?> owner, String name, Class<?>... parameterTypes) {
        try {
            return owner.getMethod(name, parameterTypes);
        } catch (NoSuchMethodException missing) {
            throw new AssertionError(owner + " lacks " + name, missing);
        }
    }

    static Object call(Method method, Object... arguments) {
        try {
            return method.invoke(null, arguments);
        } catch (ReflectiveOperationException failed) {
            throw new LinkageError(method.toString(), failed);
        }
    }

    private static Stream<Method> accessors(Class<?> owner) {
        return Arrays.stream(owner.getMethods())
                .filter(method -> Modifier.isStatic(method.getModifiers()) && method.getParameterCount() == 0);
    }

    private static long number(Object value) {
        return value instanceof MemorySegment pointer ? pointer.address() : ((Number) value).longValue();
    }

    private List<String> classNames() {
        try {
            Path root = Path.of(
                    header.getProtectionDomain().getCodeSource().getLocation().toURI());
            try (Stream<Path> files =
                    Files.list(root.resolve(header.getPackageName().replace('.', '/')))) {
                return files.map(file -> file.getFileName().toString())
                        .filter(name -> name.endsWith(".class") && !name.contains("$") && !name.startsWith("package-"))
                        .map(name ->
                                header.getPackageName() + "." + name.substring(0, name.length() - ".class".length()))
                        .sorted()
                        .toList();
            }
        } catch (IOException unreadable) {
            throw new UncheckedIOException(unreadable);
        } catch (URISyntaxException impossible) {
            throw new AssertionError(impossible);
        }
    }

    private static Class<?> load(String name) {
        try {
            return Class.forName(name);
        } catch (ClassNotFoundException vanished) {
            throw new LinkageError(name, vanished);
        }
    }
}
