package org.pviommu.journal;

import org.pviommu.engine.BatchLog;
import org.pviommu.engine.Change;
import org.pviommu.engine.DomainRecord;
import org.pviommu.engine.Guest;
import org.pviommu.engine.SliceRecord;
import org.pviommu.journal.record.RecordEncoder;
import org.pviommu.journal.record.RecordKind;
import org.pviommu.natives.AnonymousMemory;

/**
 * The log of one guest: encodes what the engine tells and appends it. Under the guest's lock; allocates nothing for slices.
 *
 * <p>Room is reserved for a slice's operations and two records, and what was not used is given back with the last record of the
 * slice. A record that was not announced (a flush that stands alone, the end of a guest) asks for room when it comes, among the
 * removals, and waits for it if it must: it cannot be refused any more.
 */
final class GuestLog implements BatchLog {
    private static final int ANNOUNCED_RECORDS = 2;

    private final Journal journal;
    private final AnonymousMemory memory = AnonymousMemory.reserve(RecordEncoder.BUFFER_BYTES, false);
    private final RecordEncoder encoder = new RecordEncoder(memory.segment());
    private int reservedRecords;
    private long reservedBytes;

    GuestLog(Journal journal) {
        this.journal = journal;
    }

    @Override
    public boolean reserve(int operations, boolean removal) {
        if (journal.isStopped()) {
            return true;
        }
        long bytes = (long) ANNOUNCED_RECORDS * RecordEncoder.SLICE_OVERHEAD_BYTES
                + (long) operations * RecordEncoder.MAX_ELEMENT_BYTES;
        if (!journal.store().reserve(ANNOUNCED_RECORDS, bytes, removal)) {
            return false;
        }
        reservedRecords += ANNOUNCED_RECORDS;
        reservedBytes += bytes;
        return true;
    }

    @Override
    public void commit(SliceRecord slice) {
        if (journal.isStopped()) {
            return;
        }
        encoder.slice(slice, Journal.caller());
        append(RecordKind.SLICE);
        if (slice.part() != SliceRecord.Part.OF_SLICE && slice.part() != SliceRecord.Part.NESTED) {
            giveBack();
        }
    }

    @Override
    public void commitDomains(DomainRecord batch) {
        if (journal.isStopped()) {
            return;
        }
        encoder.domains(batch, Journal.caller());
        append(RecordKind.DOMAINS);
        giveBack();
    }

    @Override
    public void changed(Guest guest, Change change, boolean endOfCall) {
        if (journal.isStopped()) {
            return;
        }
        encoder.change(guest, change, endOfCall, Journal.caller());
        long sequence = append(RecordKind.CHANGE);
        journal.changed(guest.id(), change, sequence);
        giveBack();
    }

    private long append(RecordKind kind) {
        long bytes = encoder.lengthBytes();
        if (reservedRecords == 0 || reservedBytes < bytes) {
            journal.reserveUnannounced(1, bytes);
            reservedRecords++;
            reservedBytes += bytes;
        }
        reservedRecords--;
        reservedBytes -= bytes;
        return journal.store().append(kind.number(), memory.segment(), bytes);
    }

    private void giveBack() {
        journal.store().unreserve(reservedRecords, reservedBytes);
        reservedRecords = 0;
        reservedBytes = 0;
    }

    void close() {
        memory.close();
    }
}
