package org.pviommu.server.ring;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;
import org.openjdk.jcstress.infra.results.ZZ_Result;
import org.pviommu.concurrency.Pool;

/** A slot goes from caller to service and back: docs/ring-transport.md, memory ordering and sleeping. */
public class SlotStress {
    static final Pool<SlotPair> PAIRS = new Pool<>(SlotPair::new);

    private SlotStress() {}

    /** A slot that nobody uses. */
    @State
    public static class FreeSlot {
        final SlotPair pair = PAIRS.lend();

        /** Everything that an earlier state left is gone. */
        public FreeSlot() {
            pair.prepare();
        }
    }

    /** A slot with a call in it. */
    @State
    public static class ReadySlot {
        final SlotPair pair = PAIRS.lend();

        /** Posts the call. */
        public ReadySlot() {
            pair.prepare();
            pair.post();
        }
    }

    /** Who sees READY sees the arguments that belong to it; who does not, finds them later. */
    @JCStressTest
    @Outcome(id = "0, 1", expect = Expect.ACCEPTABLE, desc = "the service looked too early, and served later")
    @Outcome(id = "1, 1", expect = Expect.ACCEPTABLE, desc = "the service saw the call at once")
    @Outcome(expect = Expect.FORBIDDEN, desc = "arguments or result of another call, or a call lost")
    public static class Arguments {
        /** The caller. */
        @Actor
        public void caller(FreeSlot slot) {
            slot.pair.post();
        }

        /** The service. */
        @Actor
        public void service(FreeSlot slot, II_Result seen) {
            slot.pair.server.serveNext();
            seen.r1 = slot.pair.argumentsSeen;
        }

        /** Afterwards. */
        @Arbiter
        public void end(FreeSlot slot, II_Result seen) {
            slot.pair.server.serveNext();
            boolean all = slot.pair.argumentsSeen == 1 && slot.pair.answer() == 1;
            seen.r2 = all ? 1 : 2;
        }
    }

    /** Who sees DONE sees result and statuses that belong to it. */
    @JCStressTest
    @Outcome(id = "0, 1", expect = Expect.ACCEPTABLE, desc = "the caller looked too early")
    @Outcome(id = "1, 1", expect = Expect.ACCEPTABLE, desc = "the caller saw the answer")
    @Outcome(expect = Expect.FORBIDDEN, desc = "an answer of another call, or none")
    public static class Answer {
        /** The service. */
        @Actor
        public void service(ReadySlot slot) {
            slot.pair.server.serveNext();
        }

        /** The caller. */
        @Actor
        public void caller(ReadySlot slot, II_Result seen) {
            seen.r1 = slot.pair.answer();
        }

        /** Afterwards. */
        @Arbiter
        public void end(ReadySlot slot, II_Result seen) {
            seen.r2 = slot.pair.answer();
        }
    }

    /** The caller sleeps only if the service wakes it. */
    @JCStressTest
    @Outcome(id = "true, false", expect = Expect.ACCEPTABLE, desc = "the caller saw DONE and does not sleep")
    @Outcome(id = "false, true", expect = Expect.ACCEPTABLE, desc = "the caller sleeps and is woken")
    @Outcome(id = "true, true", expect = Expect.ACCEPTABLE, desc = "both saw the other: a wake-up too many")
    @Outcome(id = "false, false", expect = Expect.FORBIDDEN, desc = "a lost wake-up: the caller sleeps for ever")
    public static class CallerSleeps {
        /** The caller. */
        @Actor
        public void caller(ReadySlot slot, ZZ_Result seen) {
            seen.r1 = slot.pair.isDoneBeforeSleeping();
        }

        /** The service. */
        @Actor
        public void service(ReadySlot slot) {
            slot.pair.server.serveNext();
        }

        /** Afterwards. */
        @Arbiter
        public void end(ReadySlot slot, ZZ_Result seen) {
            seen.r2 = slot.pair.wasWoken();
        }
    }

    /** The service sleeps only if the caller kicks it. */
    @JCStressTest
    @Outcome(id = "true, false", expect = Expect.ACCEPTABLE, desc = "the service saw the call and does not sleep")
    @Outcome(id = "false, true", expect = Expect.ACCEPTABLE, desc = "the service sleeps and is kicked")
    @Outcome(id = "true, true", expect = Expect.ACCEPTABLE, desc = "both saw the other: a kick too many")
    @Outcome(id = "false, false", expect = Expect.FORBIDDEN, desc = "a lost kick: the call is never served")
    public static class ServiceSleeps {
        /** The service. */
        @Actor
        public void service(FreeSlot slot, ZZ_Result seen) {
            seen.r1 = slot.pair.hasWorkBeforeSleeping();
        }

        /** The caller. */
        @Actor
        public void caller(FreeSlot slot, ZZ_Result seen) {
            slot.pair.post();
            seen.r2 = slot.pair.serviceSleeps();
        }
    }
}
