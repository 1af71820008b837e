package org.pviommu.systemtests.differential;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.pviommu.engine.HostCapabilities;
import org.pviommu.host.FaultInjectingIommu;
import org.pviommu.host.HostCall;
import org.pviommu.host.SimulatedIommu;

/** A second host beside the simulated one: one that is as good, and ones that are not, which must be noticed. */
class MirroredIommuTest {
    private static final long SEED = 42;
    private static final long OPERATIONS = 20_000;
    private static final List<Integer> DEVICES = List.of(0x20, 0x28);

    @Test
    void shouldAgreeWithAnotherHostOfTheSameKind() {
        try (SimulatedIommu second = second()) {
            DifferentialRun run = new DifferentialRun(SEED, OPERATIONS, second, DEVICES);

            run.run();

            assertTrue(run.operationsDone() >= OPERATIONS);
        }
    }

    @Test
    void shouldNoticeAMapThatOnlyOneHostHas() {
        requireNoticed(HostCall.Kind.MAP);
    }

    @Test
    void shouldNoticeARemovalThatOnlyOneHostHas() {
        requireNoticed(HostCall.Kind.UNMAP);
    }

    @Test
    void shouldNoticeAnAttachmentThatOnlyOneHostHas() {
        requireNoticed(HostCall.Kind.ATTACH);
    }

    private static void requireNoticed(HostCall.Kind kind) {
        try (SimulatedIommu second = second()) {
            FaultInjectingIommu worse = new FaultInjectingIommu(second);
            worse.failNth(kind, 20, 5);

            AssertionError noticed = assertThrows(
                    AssertionError.class, () -> new DifferentialRun(SEED, OPERATIONS, worse, DEVICES).run());

            assertTrue(noticed.toString().contains("kernel: "), noticed::toString);
        }
    }

    private static SimulatedIommu second() {
        return new SimulatedIommu(new SimulatedIommu.Settings(HostCapabilities.MAX_LAST_BFN, true));
    }
}
