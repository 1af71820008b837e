package org.pviommu.systemtests.mutants;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The differential test is worth something only while it notices these. Not in a plain build: {@code mvn -Pmutants verify}. */
@Tag("mutants")
class MutantTest {
    private static final Path ENGINE_SOURCES =
            Path.of("..", "engine", "src", "main", "java", "org", "pviommu", "engine");
    private static final long SEED = 1;
    private static final long OPERATIONS = 1_000_000;

    @TempDir
    Path workFolder;

    @ParameterizedTest
    @MethodSource("org.pviommu.systemtests.mutants.Mutants#all")
    void shouldBeCaughtByTheDifferentialTest(Mutant mutant) {
        MutantLab.Outcome outcome = new MutantLab(ENGINE_SOURCES, workFolder).run(mutant, SEED, OPERATIONS);

        assertTrue(outcome.caught(), mutant + " was not caught: " + outcome);
    }

    @Test
    void shouldNotBlameTheUnchangedEngine() {
        Mutant unchanged =
                new Mutant("M00", "no bug", "AddressSpace.java", "host.flush(gather) == 0", "0 == host.flush(gather)");

        MutantLab.Outcome outcome = new MutantLab(ENGINE_SOURCES, workFolder).run(unchanged, SEED, 100_000);

        assertEquals(0, outcome.exitCode(), outcome.output());
    }
}
