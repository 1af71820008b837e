package org.pviommu.engine;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.I_Result;
import org.pviommu.concurrency.Pool;

/** Translating without a lock while the guest maps, unmaps and flushes: docs/architecture.md, "Readers take no lock". */
public class TranslationStress {
    private static final long GOOD = 0x600d;
    private static final long REUSED = 0xbad;
    /** A call takes longer than one look. */
    private static final int LOOKS = 24;

    private static final Pool<GuestOnOneFrame> GUESTS = new Pool<>(GuestOnOneFrame::new);
    private static final Pool<TwoTables> TABLES = new Pool<>(TwoTables::new);

    private TranslationStress() {}

    /** A guest whose bus frame leads to the old frame. */
    @State
    public static class Mapped {
        final GuestOnOneFrame guest = GUESTS.lend();
        volatile boolean unmapped;

        /** Maps it. */
        public Mapped() {
            guest.prepare();
            guest.setContent(GuestOnOneFrame.OLD_MFN, GOOD);
        }
    }

    /** Two address spaces, of which the first has tables. */
    @State
    public static class Tables {
        final TwoTables tables = TABLES.lend();

        /** Prepares them. */
        public Tables() {
            tables.prepare();
        }
    }

    /** A gate, and memory that is found through a pointer and reused after the grace period. */
    @State
    public static class Gated {
        final ReaderGate gate = new ReaderGate();
        volatile boolean linked = true;
        long content = GOOD;
    }

    /** Old, nothing, new, in this order; never a mixture of frame and access. */
    @JCStressTest
    @Outcome(id = "0", expect = Expect.ACCEPTABLE, desc = "old, then none, then new, as far as it went")
    @Outcome(id = "1", expect = Expect.FORBIDDEN, desc = "back in time")
    @Outcome(id = "2", expect = Expect.FORBIDDEN, desc = "half of one translation, half of another")
    public static class Remapped {
        /** The guest. */
        @Actor
        public void guest(Mapped state) {
            state.guest.remap();
        }

        /** A device. */
        @Actor
        public void reader(Mapped state, I_Result seen) {
            int before = GuestOnOneFrame.OLD;
            for (int i = 0; i < LOOKS; i++) {
                int now = state.guest.seen();
                if (now < before || now == GuestOnOneFrame.MIXTURE) {
                    seen.r1 = now == GuestOnOneFrame.MIXTURE ? 2 : 1;
                    return;
                }
                before = now;
            }
        }
    }

    /** When unmap has returned, nobody gets the translation any more. */
    @JCStressTest
    @Outcome(id = "0", expect = Expect.ACCEPTABLE, desc = "translated at most before the call returned")
    @Outcome(id = "1", expect = Expect.FORBIDDEN, desc = "translated after its unmap returned")
    public static class AfterUnmap {
        /** The guest. */
        @Actor
        public void guest(Mapped state) {
            state.guest.unmap();
            state.unmapped = true;
        }

        /** A device. */
        @Actor
        public void reader(Mapped state, I_Result seen) {
            for (int i = 0; i < LOOKS; i++) {
                boolean returned = state.unmapped;
                if (state.guest.seen() != GuestOnOneFrame.NONE && returned) {
                    seen.r1 = 1;
                }
            }
        }
    }

    /** A copy in a section is over before the frame is the guest's again: unmap, then the guest puts something else there. */
    @JCStressTest
    @Outcome(id = "0", expect = Expect.ACCEPTABLE, desc = "not translated, or what was there before the unmap")
    @Outcome(id = "1", expect = Expect.FORBIDDEN, desc = "read what came after the unmap")
    public static class CopyInSection {
        /** The guest. */
        @Actor
        public void guest(Mapped state) {
            state.guest.unmap();
            state.guest.setContent(GuestOnOneFrame.OLD_MFN, REUSED);
        }

        /** A device. */
        @Actor
        public void reader(Mapped state, I_Result seen) {
            AddressSpace space = state.guest.space;
            for (int i = 0; i < LOOKS; i++) {
                int section = space.readers().enter();
                long entry = space.table().entry(GuestOnOneFrame.BFN);
                if (PageEntry.isMapped(entry) && state.guest.content(PageEntry.mfn(entry)) != GOOD) {
                    seen.r1 = 1;
                }
                space.readers().exit(section);
            }
        }
    }

    /** A table page that a reader is walking is not another address space's table yet (XSA-480). */
    @JCStressTest
    @Outcome(id = "0", expect = Expect.ACCEPTABLE, desc = "none, or its own")
    @Outcome(id = "1", expect = Expect.FORBIDDEN, desc = "another address space's translation")
    public static class TableReused {
        /** The guests. */
        @Actor
        public void writer(Tables state) {
            state.tables.handOver();
        }

        /** A device. */
        @Actor
        public void reader(Tables state, I_Result seen) {
            for (int i = 0; i < LOOKS; i++) {
                if (state.tables.readsAnothers()) {
                    seen.r1 = 1;
                }
            }
        }
    }

    /** The gate alone: what a reader found in its section is not reused until it has left. */
    @JCStressTest
    @Outcome(
            id = {"0", "1"},
            expect = Expect.ACCEPTABLE,
            desc = "not found, or as it was")
    @Outcome(expect = Expect.FORBIDDEN, desc = "reused under the reader")
    public static class GracePeriod {
        /** Unlinks, waits, reuses. */
        @Actor
        public void writer(Gated state) {
            state.linked = false;
            state.gate.awaitReaders();
            state.content = REUSED;
        }

        /** Finds, uses. */
        @Actor
        public void reader(Gated state, I_Result seen) {
            int section = state.gate.enter();
            if (state.linked) {
                seen.r1 = state.content == GOOD ? 1 : 2;
            }
            state.gate.exit(section);
        }
    }
}
