package org.pviommu.fuzz;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.Timeout;

/**
 * Everything the fuzzer has found worth keeping, once more. {@code -Dfuzz.target=NAME -Dfuzz.input=BASE64}, which a finding
 * prints, runs that one input instead.
 */
@Timeout(300) // only a hang guard
class CorpusTest {
    /** What bounds the corpus in the tree. */
    private static final int MAX_FILES = 600;

    private static final long MAX_BYTES = 200 << 10;

    private static List<Path> files(Target target) {
        try (Stream<Path> files = Files.list(target.corpus())) {
            return files.sorted().toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @TestFactory
    Stream<DynamicTest> shouldKeepTheRules() {
        String input = System.getProperty("fuzz.input", "");
        if (!input.isEmpty()) {
            Target target = Arrays.stream(Target.values())
                    .filter(known -> known.id().equals(System.getProperty("fuzz.target")))
                    .findFirst()
                    .orElseThrow();
            return Stream.of(dynamicTest(
                    target.id(), () -> target.run(Base64.getDecoder().decode(input))));
        }
        return Arrays.stream(Target.values())
                .flatMap(target -> files(target).stream()
                        .map(file -> dynamicTest(
                                target.id() + " " + file.getFileName(), () -> target.run(Files.readAllBytes(file)))));
    }

    @Test
    void shouldStaySmall() throws IOException {
        int count = 0;
        long bytes = 0;
        for (Target target : Target.values()) {
            for (Path file : files(target)) {
                count++;
                bytes += Files.size(file);
            }
        }
        assertTrue(count > 0 && count < MAX_FILES, "files=" + count + " max=" + MAX_FILES);
        assertTrue(bytes < MAX_BYTES, "bytes=" + bytes + " max=" + MAX_BYTES);
    }

    @Test
    void shouldSayHowToSeeAFindingAgain() {
        byte[] bytes = {1, 2, 3};

        Finding finding = assertThrows(
                Finding.class,
                () -> Finding.guard("ring", bytes, () -> Finding.check(false, "holds=%d expected=%d", 2, 1)));

        String text = String.valueOf(finding.getMessage());
        assertTrue(text.startsWith("target=ring base64=AQID\n"), text);
        assertTrue(text.contains("-Dfuzz.target=ring -Dfuzz.input=AQID"), text);
        assertTrue(text.contains("holds=2 expected=1"), text);
    }

    @Test
    void shouldReadAnyPrefixOfAnInput() {
        Input input = new Input(new byte[] {5, (byte) 0xf0, 12, (byte) 0xfc, 1, 0, 0, 0, 0, 0, 0, (byte) 0x80});

        assertEquals(5, input.number());
        assertEquals((1L << 12) + 4, input.number());
        assertEquals(0x8000_0000_0000_0001L, input.number());
        assertEquals(0, input.i64());
        assertTrue(!input.hasMore());
    }
}
