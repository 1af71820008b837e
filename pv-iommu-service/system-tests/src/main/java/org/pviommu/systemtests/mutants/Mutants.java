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
                        "        gather.add(bfn, pages);",
                        "        if (pages > 1) {\n            gather.add(bfn, pages - 1);\n        }"),
                new Mutant(
                        "M03",
                        "frames are released before the flush",
                        BATCH,
                        "            outcome = space.flush() ?",
                        "            space.releaseOwed();\n            outcome = space.flush() ?"),
                new Mutant(
                        "M04",
                        "a deferred flush stays deferred for later calls",
                        BATCH,
                        "this.deferred = isDeferred;",
                        "this.deferred |= isDeferred;"),
                new Mutant(
                        "M05",
                        "a failed flush is ignored",
                        BATCH,
                        "            outcome = space.flush() ?",
                        "            outcome = space.flush() || true ?"),
                new Mutant(
                        "M06",
                        "a hold is dropped although the unmap said ENOENT",
                        "UnmapRun.java",
                        "        return PageEntry.isMapped(table.entryForWriter(newBfn)) ?",
                        """
                                if (PageEntry.isOwed(table.entryForWriter(newBfn))) {
                                    guest.releaseFrames(PageEntry.mfn(table.entryForWriter(newBfn)), 1);
                                }
                                return PageEntry.isMapped(table.entryForWriter(newBfn)) ?\
                        """),
                new Mutant(
                        "M07",
                        "a remap that only changes permissions is not flushed",
                        "MapRun.java",
                        "        firstEntryBefore = RawMemory.getLong(slot);",
                        """
                                firstEntryBefore = RawMemory.getLong(slot);
                                if (PageEntry.isFresh(firstEntryBefore) && PageEntry.mfn(firstEntryBefore) == mfn) {
                                    space.gather().clear();
                                }\
                        """),
                new Mutant(
                        "M08",
                        "the end of a range is taken as exclusive",
                        "IotlbGather.java",
                        "long lastBfn = firstBfn + pages - 1;",
                        "long lastBfn = Math.max(firstBfn, firstBfn + pages - 2);"),
                new Mutant(
                        "M09",
                        "a context number is given back before its flush",
                        "ContextOperations.java",
                        "int status = removed && flushed ?",
                        "int status = removed ?"),
                new Mutant(
                        "M10",
                        "a status is not written when the element was refused",
                        BATCH,
                        "RawMemory.putByte(address, (byte) -status);",
                        ""),
                new Mutant(
                        "M11",
                        "a map that the host refused is not rolled back",
                        "MapRun.java",
                        "        space.rollBackMap(firstBfn, firstMfn, pages, firstEntryBefore);\n",
                        ""),
                new Mutant(
                        "M12",
                        "operations are read from guest memory again",
                        "HypercallExecutor.java",
                        "batch.apply(slice, n,",
                        "batch.apply(guest.memory().hostAddress(arg + (long) from * size), n,"));
    }

    /** The one with that number. */
    public static Mutant byId(String id) {
        return all().stream()
                .filter(mutant -> mutant.id().equals(id))
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException("no mutant " + id));
    }
}
