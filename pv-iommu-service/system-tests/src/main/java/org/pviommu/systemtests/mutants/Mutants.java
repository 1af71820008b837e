package org.pviommu.systemtests.mutants;

import java.util.List;

/** The seeded bugs, in the order of the fault catalogue. */
public final class Mutants {
    private static final String SPACE = "AddressSpace.java";
    private static final String BATCH = "BatchExecutor.java";

    private Mutants() {}

    /** All of them. */
    public static List<Mutant> all() {
        return List.of(
                new Mutant("M01", "the flush is skipped", SPACE, "host.flush(gather) == 0", "gather != null"),
                new Mutant(
                        "M02",
                        "the requested range is flushed, not the removed one",
                        SPACE,
                        "        gather.add(bfn, pages);\n        if (!owed.add",
                        "        if (pages > 1) {\n            gather.add(bfn, pages - 1);\n        }\n        if (!owed.add"),
                new Mutant(
                        "M03",
                        "frames are released before the flush",
                        BATCH,
                        "            outcome = space.flush() ?",
                        "            space.releaseOwed();\n            outcome = space.flush() ?"),
                new Mutant(
                        "M05",
                        "a failed flush is ignored",
                        BATCH,
                        "space.flush() ? SliceRecord.Flush.DONE : SliceRecord.Flush.FAILED",
                        "space.flush() || true ? SliceRecord.Flush.DONE : SliceRecord.Flush.FAILED"),
                new Mutant(
                        "M06",
                        "a hold is dropped although the unmap said ENOENT",
                        BATCH,
                        "            return IommuStatus.ENOENT; // an owed",
                        """
                                    if (PageEntry.isOwed(entry)) {
                                        guest.releaseFrames(PageEntry.mfn(entry), 1);
                                    }
                                    return IommuStatus.ENOENT; // an owed\
                        """),
                new Mutant(
                        "M08",
                        "the end of a range is taken as exclusive",
                        "IotlbGather.java",
                        "long lastBfn = firstBfn + pages - 1;",
                        "long lastBfn = Math.max(firstBfn, firstBfn + pages - 2);"),
                new Mutant(
                        "M10",
                        "a status is not written when the element was refused",
                        BATCH,
                        "RawMemory.putByte(statuses + index, (byte) -status);",
                        ""),
                new Mutant(
                        "M11",
                        "a map that the host refused is not rolled back",
                        BATCH,
                        "        space.rollBackMap(runBfn, runMfn, runPages);\n",
                        ""));
    }

    /** The one with that number. */
    public static Mutant byId(String id) {
        return all().stream()
                .filter(mutant -> mutant.id().equals(id))
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException("no mutant " + id));
    }
}
