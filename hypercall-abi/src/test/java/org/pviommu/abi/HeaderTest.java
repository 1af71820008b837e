package org.pviommu.abi;

import static org.junit.jupiter.api.Assertions.assertNotEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Each header compiles alone, in every dialect that a kernel, a tool or a test might use, for 32 and 64 bits. */
class HeaderTest {
    private static final List<String> HEADERS = List.of("xen/pv_iommu.h", "pvi_ring.h", "pv_iommu_virtio.h");

    @ParameterizedTest
    @CsvSource({
        "cc, c, c89, -m64",
        "cc, c, c99, -m64",
        "cc, c, c11, -m64",
        "cc, c, c17, -m64",
        "c++, c++, c++98, -m64",
        "c++, c++, c++11, -m64",
        "c++, c++, c++17, -m64",
        "cc, c, c89, -m32",
        "cc, c, c99, -m32",
        "cc, c, c11, -m32",
    })
    void shouldCompileAlone(String compiler, String language, String standard, String width) {
        for (String header : HEADERS) {
            Tool.run(compile(compiler, language, standard, width, Tool.INCLUDE.resolve(header)));
        }
    }

    /** The size checks inside the headers have to be live in each dialect. */
    @ParameterizedTest
    @CsvSource({"c89", "c11"})
    void shouldRefuseAnotherLayout(String standard, @TempDir Path directory) throws IOException {
        for (String header : HEADERS) {
            String text = Files.readString(Tool.INCLUDE.resolve(header));
            Path changed = directory.resolve(Path.of(header).getFileName());
            Files.writeString(changed, text.replaceFirst("int32_t (status|count);", "int64_t $1;"));
            assertNotEquals(text, Files.readString(changed));
            assertNotEquals(
                    0,
                    Tool.tryRun(compile("cc", "c", standard, "-m64", changed)).exitCode(),
                    header);
        }
    }

    @Test
    void shouldCompileTogether(@TempDir Path directory) throws IOException {
        Path both = directory.resolve("both.c");
        Files.writeString(both, """
                #include "pvi_ring.h"
                #include "pv_iommu_virtio.h"
                #include "xen/pv_iommu.h"
                #include "xen/pv_iommu.h"
                #include "pv_iommu_virtio.h"
                #include "pvi_ring.h"
                """);
        Tool.run(compile("cc", "c", "c11", "-m64", both));
    }

    /** Freestanding: the 32-bit run must not need a 32-bit C library. */
    private static List<String> compile(String compiler, String language, String standard, String width, Path file) {
        return List.of(
                compiler,
                width,
                "-ffreestanding",
                "-std=" + standard,
                "-Wall",
                "-Wextra",
                "-pedantic",
                "-Werror",
                "-fsyntax-only",
                "-I" + Tool.INCLUDE,
                "-x",
                language,
                file.toString());
    }
}
