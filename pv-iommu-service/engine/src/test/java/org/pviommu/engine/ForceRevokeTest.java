package org.pviommu.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.pviommu.engine.support.GuestDriver;
import org.pviommu.engine.support.HostCall;
import org.pviommu.engine.support.Op;
import org.pviommu.engine.support.RecordingHost;
import org.pviommu.engine.support.TestMemory;

class ForceRevokeTest {
    private static final long GRANTED_MFN = 500;
    private static final long OWN_MFN = 1000;

    /** Catalogue D10: what a host removes beyond what it was asked for is entered, also when nobody called. */
    @Test
    void D10_shouldOweWhatTheHostRemovedBesidesTheGrantedFrames() {
        RecordingHost host = new RecordingHost(4095, false);
        TestMemory memory = new TestMemory(16);
        try (Engine engine = new Engine(host, BatchLog.none())) {
            Guest owner = engine.addGuest(1, GuestPolicy.permissive(), List.of());
            owner.registerMemory(0, 4, new TestMemory(4));
            Guest grantee = engine.addGuest(2, GuestPolicy.permissive(), List.of());
            grantee.registerMemory(OWN_MFN, 16, memory);
            engine.grant(1, 0, 2, 2, GRANTED_MFN, Access.READ_WRITE);
            try (GuestDriver driver = new GuestDriver(engine, grantee, memory, OWN_MFN)) {
                driver.map(Op.rw(10, GRANTED_MFN), Op.rw(11, OWN_MFN + 8), Op.rw(12, OWN_MFN + 9));
                host.answerOnce(HostCall.Kind.UNMAP, 3);

                engine.revoke(2, GRANTED_MFN, true);

                assertNull(grantee.ownSpace().translate(11));
                assertNull(grantee.ownSpace().translate(12));
                assertEquals(0, grantee.ownSpace().mappedPages());
                assertEquals(0, grantee.holds(OWN_MFN + 8));
                assertEquals(0, grantee.digest());
            }
        }
    }
}
