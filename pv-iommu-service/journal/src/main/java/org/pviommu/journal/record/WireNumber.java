package org.pviommu.journal.record;

import org.pviommu.engine.DomainRecord;
import org.pviommu.engine.OutsideEvents;
import org.pviommu.engine.ReservedRegion;
import org.pviommu.engine.SliceRecord;

/** The numbers of enum constants in the journal; they never change their meaning, whatever becomes of the order in the code. */
final class WireNumber {
    private WireNumber() {}

    static int of(SliceRecord.Part part) {
        return switch (part) {
            case OF_SLICE -> 0;
            case NESTED -> 1;
            case SLICE_END -> 2;
            case CALL_END -> 3;
            case CALL_ABANDONED -> 4;
            case CALL_BROKEN -> 5;
        };
    }

    static SliceRecord.Part part(int number) {
        return switch (number) {
            case 0 -> SliceRecord.Part.OF_SLICE;
            case 1 -> SliceRecord.Part.NESTED;
            case 2 -> SliceRecord.Part.SLICE_END;
            case 3 -> SliceRecord.Part.CALL_END;
            case 4 -> SliceRecord.Part.CALL_ABANDONED;
            case 5 -> SliceRecord.Part.CALL_BROKEN;
            default -> throw new BadRecordException("part=" + number + " max=5");
        };
    }

    static int of(DomainRecord.Kind kind) {
        return switch (kind) {
            case ATTACH -> 0;
            case DETACH -> 1;
            case MAP -> 2;
            case UNMAP -> 3;
        };
    }

    static DomainRecord.Kind requestKind(int number) {
        return switch (number & 3) {
            case 0 -> DomainRecord.Kind.ATTACH;
            case 1 -> DomainRecord.Kind.DETACH;
            case 2 -> DomainRecord.Kind.MAP;
            default -> DomainRecord.Kind.UNMAP;
        };
    }

    static int of(SliceRecord.Flush flush) {
        return switch (flush) {
            case NONE -> 0;
            case DONE -> 1;
            case FAILED -> 2;
        };
    }

    static SliceRecord.Flush flush(int number) {
        return switch (number) {
            case 0 -> SliceRecord.Flush.NONE;
            case 1 -> SliceRecord.Flush.DONE;
            case 2 -> SliceRecord.Flush.FAILED;
            default -> throw new BadRecordException("flush=" + number + " max=2");
        };
    }

    static int of(OutsideEvents.Kind kind) {
        return switch (kind) {
            case HOST -> 0;
            case TABLE -> 1;
        };
    }

    static OutsideEvents.Kind eventKind(int number) {
        return switch (number) {
            case 0 -> OutsideEvents.Kind.HOST;
            case 1 -> OutsideEvents.Kind.TABLE;
            default -> throw new BadRecordException("event kind=" + number + " max=1");
        };
    }

    static int of(ReservedRegion.Kind kind) {
        return switch (kind) {
            case RESERVED -> 0;
            case MSI -> 1;
            case IDENTITY -> 2;
        };
    }

    static ReservedRegion.Kind regionKind(int number) {
        return switch (number) {
            case 0 -> ReservedRegion.Kind.RESERVED;
            case 1 -> ReservedRegion.Kind.MSI;
            case 2 -> ReservedRegion.Kind.IDENTITY;
            default -> throw new BadRecordException("region=" + number + " max=2");
        };
    }
}
