package org.pviommu.systemtests.mutants;

import java.util.List;
import java.util.stream.Stream;

/** The seeded bugs: those of the fault catalogue in its order, then those of several guests. */
public final class Mutants {
    private static final String SPACE = "AddressSpace.java";
    private static final String BATCH = "BatchExecutor.java";
    private static final String REGION = "GuestRegion.java";
    private static final String GUEST = "Guest.java";
    private static final String ENGINE = "Engine.java";

    private Mutants() {}

    /** All of them. */
    public static List<Mutant> all() {
        return Stream.concat(ofCatalogue().stream(), ofSeveralGuests().stream()).toList();
    }

    private static List<Mutant> ofCatalogue() {
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

    private static List<Mutant> ofSeveralGuests() {
        return List.of(
                new Mutant(
                        "G01",
                        "a revoked grant still lets maps through",
                        REGION,
                        "return !revoked && (access & ~allowedAccess) == 0;",
                        "return (access & ~allowedAccess) == 0;"),
                new Mutant(
                        "G02",
                        "a read-only grant lets writes through",
                        REGION,
                        "return !revoked && (access & ~allowedAccess) == 0;",
                        "return !revoked;"),
                new Mutant(
                        "G03",
                        "a granted frame is another one of its region",
                        REGION,
                        "source.offsetBytes(sourceFirstMfn), access, source);",
                        "source.offsetBytes(source.firstMfn()), access, source);"),
                new Mutant(
                        "G04",
                        "memory goes although another guest has its frames",
                        REGION,
                        "return grants.stream().anyMatch(grant -> !grant.revoked || grant.totalHolds() > 0);",
                        "return grants.stream().anyMatch(grant -> !grant.revoked);"),
                new Mutant(
                        "G05",
                        "a forced revocation does not enter what the host removed besides",
                        SPACE,
                        "oweUnasked(firstBfn + pages, removed - left);",
                        "done += 0;"),
                new Mutant("G06", "a forced revocation does not flush", GUEST, """
                                    space.removeMappingsTo(region);
                                }
                                flushAllBut(null);
                        """, """
                                    space.removeMappingsTo(region);
                                }
                        """),
                new Mutant(
                        "G07",
                        "memory is unregistered while frames of it are owed",
                        GUEST,
                        "            if (region.totalHolds() > 0) {\n                flushAllBut(null);\n"
                                + "                device.flush();\n            }",
                        "            if (addressSpaces().stream().allMatch(space -> space.mappedPages() == 0)) {\n"
                                + "                closeRegion(region);\n                return;\n            }"),
                new Mutant(
                        "G08",
                        "a guest is forgotten although the host did not let go",
                        ENGINE,
                        "        if (done) {\n            forget(guest);\n        }\n",
                        "        forget(guest);\n"),
                new Mutant(
                        "G09",
                        "the death of an owner does not revoke",
                        ENGINE,
                        ".filter(region -> region.isGrantedFrom(owner.regions()))",
                        ".filter(region -> false)"),
                new Mutant(
                        "G10",
                        "a dead guest that waits for a grantee is never looked at again",
                        ENGINE,
                        "guests().stream().filter(other -> !other.isAlive()).forEach(this::removeGuest);",
                        ""),
                new Mutant(
                        "G11",
                        "members of a group are parted",
                        "ContextOperations.java",
                        "if (!moves || mapsReserved(target, member)) {",
                        "if (mapsReserved(target, member)) {"),
                new Mutant(
                        "G12",
                        "a tear-down ends at the first address space that is refused",
                        GUEST,
                        "done[0] &= space.tearDown();",
                        "done[0] = done[0] && space.tearDown();"));
    }
}
