package org.pviommu.journal.replay;

import java.util.List;
import java.util.Objects;
import org.pviommu.abi.IommuOp;
import org.pviommu.engine.RequestStatus;
import org.pviommu.journal.record.DomainRequest;
import org.pviommu.journal.record.JournalRecord;
import org.pviommu.journal.record.Run;

/** What differs first between two records that should be the same. */
final class Differences {
    private Differences() {}

    static String firstOf(JournalRecord expected, JournalRecord got) {
        if (expected instanceof JournalRecord.Slice a && got instanceof JournalRecord.Slice b) {
            return ofSlices(a, b);
        }
        if (expected instanceof JournalRecord.GuestChange a && got instanceof JournalRecord.GuestChange b) {
            return Objects.equals(a.change(), b.change()) ? ofRest(a, b) : "another change of the guest";
        }
        if (expected instanceof JournalRecord.Domains a && got instanceof JournalRecord.Domains b) {
            return ofDomains(a, b);
        }
        return "another kind of record";
    }

    private static String ofDomains(JournalRecord.Domains a, JournalRecord.Domains b) {
        int requests = Math.min(a.requests().size(), b.requests().size());
        for (int i = 0; i < requests; i++) {
            DomainRequest expected = a.requests().get(i);
            DomainRequest got = b.requests().get(i);
            if (!expected.equals(got)) {
                return "request " + i + ": expected " + Describe.request(expected) + " "
                        + RequestStatus.name(expected.status()) + ", got " + Describe.request(got) + " "
                        + RequestStatus.name(got.status());
            }
        }
        if (a.flush() != b.flush() || a.requests().size() != b.requests().size()) {
            return "expected requests=" + a.requests().size() + " flush=" + a.flush() + ", got requests="
                    + b.requests().size() + " flush=" + b.flush();
        }
        return ofRest(a, b);
    }

    private static String ofSlices(JournalRecord.Slice a, JournalRecord.Slice b) {
        if (a.subOp() != b.subOp() || a.context() != b.context()) {
            return "expected " + call(a) + ", got " + call(b);
        }
        int operation = 0;
        int runs = Math.min(a.runs().size(), b.runs().size());
        for (int i = 0; i < runs; i++) {
            Run expected = a.runs().get(i);
            Run got = b.runs().get(i);
            if (!expected.equals(got)) {
                return "operation " + (operation + firstOther(expected, got)) + ": expected "
                        + Describe.run(a.subOp(), expected) + ", got " + Describe.run(b.subOp(), got);
            }
            operation += expected.count();
        }
        if (a.operations() != b.operations()) {
            return "expected operations=" + a.operations() + ", got operations=" + b.operations();
        }
        if (a.flush() != b.flush() || a.part() != b.part()) {
            return "expected flush=" + a.flush() + " " + a.part() + ", got flush=" + b.flush() + " " + b.part();
        }
        return ofRest(a, b);
    }

    private static String call(JournalRecord.Slice slice) {
        return IommuOp.name(slice.subOp()) + " in context " + slice.context();
    }

    /** Of two runs that begin alike, the first operation that one of them does not have. */
    private static int firstOther(Run a, Run b) {
        Run cut = new Run(a.count(), b.kind(), b.bfn(), b.mfn(), b.flags(), b.pages(), b.nrDone(), b.status());
        return a.equals(cut) ? Math.min(a.count(), b.count()) : 0;
    }

    private static String ofRest(JournalRecord.OfGuest a, JournalRecord.OfGuest b) {
        if (!a.state().equals(b.state())) {
            return "the state after it: expected " + a.state() + ", got " + b.state();
        }
        List<?> events = a.events();
        return events.equals(b.events()) ? "encoded otherwise" : "answers from outside";
    }
}
