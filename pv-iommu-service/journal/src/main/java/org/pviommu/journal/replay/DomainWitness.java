package org.pviommu.journal.replay;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.pviommu.engine.Access;
import org.pviommu.engine.Change;
import org.pviommu.engine.DomainInfo;
import org.pviommu.engine.Engine;
import org.pviommu.engine.Guest;
import org.pviommu.engine.RangeMapping;
import org.pviommu.journal.record.DomainRequest;
import org.pviommu.journal.record.JournalRecord;

/** Watches IOVAs of one domain of a virtio-iommu device during a replay: which requests name them, and what else changes them. */
final class DomainWitness implements ReplayObserver {
    private final Replayer replayer;
    private final int guestId;
    private final int domain;
    private final long first;
    private final long last;
    private final List<Why.Step> steps = new ArrayList<>();
    /** What was mapped after the call before. */
    private List<RangeMapping> before = List.of();

    private boolean wasThere;

    DomainWitness(Replayer replayer, int guestId, int domain, long firstBfn, long lastBfn) {
        this.replayer = replayer;
        this.guestId = guestId;
        this.domain = domain;
        this.first = firstBfn << 12;
        this.last = lastBfn << 12 | 4095;
    }

    List<Why.Step> steps() {
        return List.copyOf(steps);
    }

    private void tell(PendingRecord record, @Nullable Integer request, String what, @Nullable Integer status) {
        steps.add(new Why.Step(
                record.sequence(),
                record.timeMillis(),
                request,
                what,
                status,
                record.record().by()));
    }

    private @Nullable Guest guest() {
        Engine engine = replayer.engine();
        return engine == null ? null : engine.guest(guestId);
    }

    private boolean isThere() {
        Guest guest = guest();
        return guest != null
                && guest.domainList().stream().map(DomainInfo::domain).anyMatch(id -> id == domain);
    }

    private List<RangeMapping> mapped() {
        Guest guest = guest();
        if (guest == null) {
            return List.of();
        }
        return guest.domainMappings(domain, 0, Integer.MAX_VALUE).stream()
                .filter(each -> touches(each.first(), each.last()))
                .toList();
    }

    private boolean touches(long otherFirst, long otherLast) {
        return Long.compareUnsigned(otherFirst, last) <= 0 && Long.compareUnsigned(first, otherLast) <= 0;
    }

    @Override
    public void started(long sequence, long timeMillis, JournalRecord.ServiceStart start) {
        if (wasThere && guest() == null) {
            steps.add(new Why.Step(sequence, timeMillis, null, "service started, the guest is gone", null, ""));
        }
        before = mapped();
        wasThere = isThere();
    }

    @Override
    public void ran(List<PendingRecord> call) {
        PendingRecord record = call.getLast();
        if (record.record().guestId() != guestId) {
            return;
        }
        boolean named = false;
        if (record.record() instanceof JournalRecord.Domains batch) {
            named = requests(record, batch);
        } else if (record.record() instanceof JournalRecord.GuestChange change && wasThere) {
            named = change(record, change.change());
        }
        List<RangeMapping> after = mapped();
        boolean there = isThere();
        if (wasThere && !there) {
            tell(record, null, "the domain is gone with its last endpoint", null);
        } else if (!named && !after.equals(before)) {
            tell(record, null, "what is mapped there has changed", null);
        }
        before = after;
        wasThere = there;
    }

    /** Whether one of them speaks about these IOVAs. */
    private boolean requests(PendingRecord record, JournalRecord.Domains batch) {
        boolean named = false;
        for (int i = 0; i < batch.requests().size(); i++) {
            DomainRequest request = batch.requests().get(i);
            boolean concerns =
                    request.domain() == domain && (!request.hasRange() || touches(request.first(), request.last()));
            if (concerns) {
                tell(record, i, Describe.request(request), request.status());
                named |= request.hasRange();
            }
        }
        return named;
    }

    private boolean change(PendingRecord record, Change change) {
        boolean concerns = switch (change) {
            case Change.GuestRemoved removed -> true;
            case Change.GuestReturned returned -> true;
            case Change.DeviceReset reset -> true;
            case Change.DeviceClosed closed -> true;
            case Change.MemoryLost lost -> before.stream().anyMatch(each -> leadsTo(each, lost));
            default -> false;
        };
        if (concerns) {
            tell(record, null, "the guest " + Describe.change(change), null);
        }
        return concerns;
    }

    private static boolean leadsTo(RangeMapping mapping, Change.MemoryLost lost) {
        long firstMfn = mapping.target() >>> 12;
        long lastMfn = (mapping.target() + (mapping.last() - mapping.first())) >>> 12;
        return firstMfn < lost.firstMfn() + lost.pages() && lost.firstMfn() <= lastMfn;
    }

    /** After the last record. */
    String now(List<Integer> unknownGuests) {
        String name = "domain " + Integer.toUnsignedString(domain);
        if (unknownGuests.contains(guestId)) {
            return "not known, because the journal does not say all that the guest did";
        }
        if (guest() == null) {
            return "guest " + guestId + " is not there";
        }
        if (!isThere()) {
            return "guest " + guestId + " has no " + name;
        }
        List<String> parts = new ArrayList<>();
        for (RangeMapping each : mapped()) {
            parts.add("iova " + Describe.hex(each.first()) + ".." + Describe.hex(each.last()) + " leads to "
                    + Describe.hex(each.target()) + " " + Access.name(each.access()) + (each.mmio() ? " mmio" : ""));
        }
        return parts.isEmpty()
                ? "iova " + Describe.hex(first) + ".." + Describe.hex(last) + " is not mapped"
                : String.join(", ", parts);
    }
}
