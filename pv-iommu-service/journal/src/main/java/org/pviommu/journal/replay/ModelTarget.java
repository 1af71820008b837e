package org.pviommu.journal.replay;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.pviommu.abi.IommuOp;
import org.pviommu.engine.Change;
import org.pviommu.engine.SliceRecord;
import org.pviommu.journal.record.JournalRecord;

/**
 * Replays on a model that shares no code with the engine: maps of pages, one page at a time, every status decided anew by the rules
 * of the ABI. So the replay is more than the engine agreeing with itself.
 *
 * <p>What a record does not tell, such as which pages a host IOMMU removed unasked, makes the model stop comparing that guest until
 * it is removed.
 */
final class ModelTarget implements ReplayTarget {
    private final TreeMap<Integer, GuestModel> guests = new TreeMap<>();
    /** Guests of which the journal does not say what they did. They do not survive a new start. */
    private final Set<Integer> lost = new TreeSet<>();
    /** Guests of which the model cannot tell what they did. */
    private final Set<Integer> unclear = new TreeSet<>();

    private JournalRecord.@Nullable ServiceStart host;

    @Override
    public void serviceStarted(JournalRecord.ServiceStart start) {
        restart();
        JournalRecord.ServiceStart before = host;
        boolean other = before != null
                && (before.lastBfn() != start.lastBfn() || before.cutsMappings() != start.cutsMappings());
        if (other && !guests.isEmpty()) {
            throw new IllegalStateException("the service started with guests on another host IOMMU");
        }
        host = start;
    }

    /** Nothing is owed any more; the dead are gone, and who maps their frames with them. */
    private void restart() {
        for (GuestModel guest : guests.values()) {
            guest.spaces.values().forEach(SpaceModel::flushed);
            if (guest.device != null) {
                guest.device.flushed();
            }
        }
        List<GuestModel> gone = new ArrayList<>();
        for (GuestModel guest : guests.values()) {
            if (!guest.alive || lost.contains(guest.id)) {
                gone.add(guest);
            }
        }
        for (int i = 0; i < gone.size(); i++) { // grows by those who go along
            for (GuestModel other : guests.values()) {
                if (!gone.contains(other) && other.holdsFramesOf(gone.get(i))) {
                    gone.add(other);
                }
            }
        }
        if (!gone.isEmpty()) {
            doubtGrantees(gone);
        }
        ModelChanges changes = changes();
        gone.forEach(changes::drop);
        lost.clear();
    }

    /** Whether an unclear guest went along is not known, and so neither is it of those who map its frames. */
    private void doubtGrantees(List<GuestModel> gone) {
        gone.forEach(guest -> unclear.remove(guest.id));
        for (int guestId : List.copyOf(unclear)) {
            GuestModel owner = guests.get(guestId);
            for (GuestModel other : guests.values()) {
                if (owner != null && other.holdsFramesOf(owner)) {
                    unclear.add(other.id);
                }
            }
        }
    }

    private ModelChanges changes() {
        return new ModelChanges(guests, new TreeSet<>(unknownGuests()));
    }

    @Override
    public boolean run(List<PendingRecord> call) {
        PendingRecord last = call.getLast();
        int guestId = last.record().guestId();
        if (last.record() instanceof JournalRecord.GuestChange change
                && change.change() instanceof Change.GuestAdded added) {
            add(call, added);
            return true;
        }
        noteWhatIsMissing(call);
        if (lost.contains(guestId) || unclear.contains(guestId)) {
            runUnknown(last.record());
            return false;
        }
        GuestModel guest = guests.get(guestId);
        if (guest == null) {
            throw DifferenceException.at(last, "the guest is not there", "the model: no guest=" + guestId);
        }
        return run(guest, new CallScript(call, guest), last.record());
    }

    private void add(List<PendingRecord> call, Change.GuestAdded added) {
        PendingRecord record = call.getLast();
        int guestId = record.record().guestId();
        GuestModel before = guests.get(guestId);
        if (before != null && unclear.remove(guestId)) {
            changes().drop(before); // it went with a new start of the service, after all
        }
        GuestModel guest = changes().add(record, added);
        new CallScript(call, guest).compareState();
    }

    private void noteWhatIsMissing(List<PendingRecord> call) {
        JournalRecord.OfGuest last = call.getLast().record();
        boolean missing = last instanceof JournalRecord.Slice slice && slice.part() == SliceRecord.Part.CALL_BROKEN;
        for (PendingRecord each : call) {
            missing |= each.record().incomplete();
        }
        if (missing) {
            lost.add(last.guestId());
        }
    }

    private boolean run(GuestModel guest, CallScript script, JournalRecord.OfGuest last) {
        try {
            switch (last) {
                case JournalRecord.GuestChange change -> changes().run(change, script);
                case JournalRecord.Slice slice -> slice(guest, script, slice);
                case JournalRecord.Domains domains -> domains(guest, script, domains);
            }
        } catch (CallScript.NotComparableException e) {
            unclear.add(guest.id);
            runUnknown(last);
            return false;
        }
        return true;
    }

    private void domains(GuestModel guest, CallScript script, JournalRecord.Domains record) {
        if (guest.device == null) {
            throw script.differs("the guest has no virtio-iommu device", "none");
        }
        new ModelRequests(guest, guest.device, script, record, lastBfn()).run();
    }

    private void slice(GuestModel guest, CallScript script, JournalRecord.Slice last) {
        switch (last.subOp()) {
            case IommuOp.FLUSH -> flush(guest, script, last);
            case IommuOp.ALLOC_CONTEXT, IommuOp.FREE_CONTEXT, IommuOp.ATTACH_DEVICE ->
                new ModelContexts(guest, script, last.subOp()).run(false);
            default -> batch(guest, script, last).run();
        }
        if (!script.isOver()) {
            throw script.differs("the model does not come to this record", "nothing");
        }
    }

    private ModelBatch batch(GuestModel guest, CallScript script, JournalRecord.Slice any) {
        SpaceModel space = space(guest, script, any);
        return new ModelBatch(guest, space, script, any.subOp(), script.isDeferred(any.subOp()), lastBfn());
    }

    private static SpaceModel space(GuestModel guest, CallScript script, JournalRecord.Slice slice) {
        SpaceModel space = guest.spaces.get(slice.context());
        if (space == null) {
            throw script.differs("there is no such address space", "no context=" + slice.context());
        }
        return space;
    }

    private long lastBfn() {
        return host == null ? -1 : host.lastBfn();
    }

    private static void flush(GuestModel guest, CallScript script, JournalRecord.Slice last) {
        SpaceModel space = space(guest, script, last);
        ModelCall.flush(script, space, script.expectSlice(IommuOp.FLUSH, space.context, "a flush"));
    }

    private void runUnknown(JournalRecord.OfGuest record) {
        if (!(record instanceof JournalRecord.GuestChange change)) {
            return;
        }
        changes().runUnknown(change);
        if (!guests.containsKey(record.guestId())) {
            lost.remove(record.guestId());
            unclear.remove(record.guestId());
        }
    }

    @Override
    public void runCutOff(List<PendingRecord> call) {
        noteWhatIsMissing(call);
        GuestModel guest = guests.get(call.getFirst().record().guestId());
        if (guest == null || unknownGuests().contains(guest.id)) {
            return;
        }
        CallScript script = new CallScript(call, guest);
        JournalRecord.Slice main = script.firstOwn();
        if (main == null) {
            return;
        }
        try {
            if (main.subOp() >= IommuOp.ALLOC_CONTEXT && main.subOp() <= IommuOp.ATTACH_DEVICE) {
                new ModelContexts(guest, script, main.subOp()).run(true);
            } else {
                batch(guest, script, main).runCutOff();
            }
        } catch (CallScript.NotComparableException e) {
            unclear.add(guest.id);
        }
    }

    @Override
    public List<MappedRun> mappings() {
        List<MappedRun> all = new ArrayList<>();
        for (GuestModel guest : guests.values()) {
            for (SpaceModel space : guest.spaces.values()) {
                ModelChanges.addMappings(guest, space, all);
            }
        }
        return all;
    }

    @Override
    public List<MappedRange> domainMappings() {
        List<MappedRange> all = new ArrayList<>();
        for (GuestModel guest : guests.values()) {
            List<DeviceModel.Domain> domains = guest.device == null ? List.of() : guest.device.domains();
            for (DeviceModel.Domain domain : domains) {
                domain.entries.stream()
                        .sorted(Comparator.comparing(DeviceModel.Entry::first, Long::compareUnsigned))
                        .map(each -> new MappedRange(
                                guest.id,
                                domain.id,
                                each.first(),
                                each.last(),
                                each.target(),
                                each.access(),
                                each.mmio()))
                        .forEach(all::add);
            }
        }
        return all;
    }

    @Override
    public List<GuestDigest> digests() {
        return guests.values().stream()
                .filter(guest -> !lost.contains(guest.id) && !unclear.contains(guest.id))
                .map(guest -> new GuestDigest(
                        guest.id, guest.state().digest(), guest.state().mappedPages()))
                .toList();
    }

    @Override
    public List<Integer> unknownGuests() {
        Set<Integer> all = new TreeSet<>(lost);
        all.addAll(unclear);
        return List.copyOf(all);
    }

    @Override
    public void close() {
        // nothing is open
    }
}
