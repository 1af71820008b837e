package org.pviommu.engine;

import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * Brings a guest back to what it was before the service was started anew: its regions, grants, address spaces, mappings and
 * attachments, programmed into the host IOMMU. Under the engine's monitor and the lock of the guest, which nobody else knows
 * yet.
 */
final class GuestReturn {
    private final Engine engine;
    private final Guest before;
    private final Guest guest;
    private final MapRun run = new MapRun();

    GuestReturn(Engine engine, Guest before, Guest guest) {
        this.engine = engine;
        this.before = before;
        this.guest = guest;
    }

    /**
     * All of it, or an exception; then the guest is torn down by the caller.
     *
     * @param memories what the guest brought, found the same as before
     * @param grants the frames of other guests that it had
     * @throws EngineException LIMIT or HOST when the host IOMMU refuses or granted frames are not there any more
     */
    void restore(Map<Long, GuestMemory> memories, List<Grant> grants) {
        restoreRegions(memories);
        grants.forEach(this::restoreGrant);
        for (AddressSpace old : before.addressSpaces()) {
            AddressSpace space = engine.newAddressSpace(guest, old.context());
            guest.addSpace(space);
            restoreMappings(old, space);
        }
        grants.stream().filter(Grant::revoked).forEach(this::revokeAgain);
        before.endpoints().forEach(this::restoreAttachment);
        restoreDomains();
        if (guest.digest() != before.digest()) {
            throw new EngineException(
                    EngineException.Kind.HOST,
                    "guest=" + guest.id() + " digest=" + Long.toHexString(guest.digest()) + " before="
                            + Long.toHexString(before.digest()));
        }
    }

    /**
     * Throws INVALID unless {@code memories} are the files and offsets that {@code before} had registered.
     */
    static void requireSameMemory(Guest before, Map<Long, GuestMemory> memories) {
        List<GuestRegion> own = ownRegions(before);
        if (own.size() != memories.size()) {
            throw otherMemory(before, "regions=" + memories.size() + " before=" + own.size());
        }
        for (GuestRegion region : own) {
            GuestMemory memory = memories.get(region.firstMfn());
            if (memory == null || !isSame(region, memory)) {
                throw otherMemory(before, "the region at mfn=" + region.firstMfn() + " is another one");
            }
        }
    }

    private static List<GuestRegion> ownRegions(Guest before) {
        return before.regions().stream().filter(region -> !region.isGranted()).toList();
    }

    private void restoreRegions(Map<Long, GuestMemory> memories) {
        for (GuestRegion region : ownRegions(before)) {
            GuestMemory memory = Objects.requireNonNull(memories.get(region.firstMfn()), "checked before");
            GuestRegion returned = new GuestRegion(region.firstMfn(), region.pages(), memory);
            guest.addRegion(returned);
            returned.setSerial(region.serial()); // by which mappings of domains know it
        }
    }

    private static boolean isSame(GuestRegion region, GuestMemory memory) {
        return !memory.file().equals(FileIdentity.NONE)
                && memory.file().equals(region.memory().file())
                && memory.fileOffsetBytes() == region.memory().fileOffsetBytes()
                && memory.segment().byteSize() >>> 12 == region.pages();
    }

    private static EngineException otherMemory(Guest before, String what) {
        return new EngineException(
                EngineException.Kind.INVALID, "guest=" + before.id() + " came back with other memory: " + what);
    }

    private void restoreGrant(Grant grant) {
        Guest owner = engine.guest(grant.ownerId());
        if (owner == null) {
            throw framesAreMissing(grant);
        }
        owner.locked(() -> {
            GuestRegion source = owner.regionOf(grant.ownerFirstMfn(), grant.pages());
            if (source == null) {
                throw framesAreMissing(grant);
            }
            guest.addRegion(GuestRegion.granted(
                    grant.granteeFirstMfn(), grant.pages(), source, grant.ownerFirstMfn(), grant.access()));
        });
    }

    /** Not BUSY, which would say that nothing has changed. */
    private EngineException framesAreMissing(Grant grant) {
        return new EngineException(
                EngineException.Kind.HOST,
                "guest=" + grant.ownerId() + " has no frames any more at mfn=" + grant.ownerFirstMfn()
                        + ", which guest=" + guest.id() + " maps");
    }

    private void revokeAgain(Grant grant) {
        GuestRegion region = guest.regionOf(grant.granteeFirstMfn(), 1);
        if (region != null) {
            region.revoke();
        }
    }

    private void restoreMappings(AddressSpace old, AddressSpace space) {
        run.use(space, false);
        long from = 0;
        List<Mapping> some;
        do {
            some = old.mappings(from, 1024);
            for (Mapping mapping : some) {
                restore(mapping);
                from = mapping.firstBfn() + mapping.pages();
            }
        } while (!some.isEmpty());
    }

    private void restore(Mapping mapping) {
        for (long done = 0; done < mapping.pages(); ) {
            int status = run.open(mapping.firstBfn() + done, mapping.firstMfn() + done, mapping.access());
            long pages = 1;
            if (status == 0) {
                pages += run.extendByPages(mapping.pages() - done - 1);
                status = run.close();
            }
            if (status != 0) {
                throw new EngineException(
                        EngineException.Kind.HOST,
                        "guest=" + guest.id() + " bfn=" + (mapping.firstBfn() + done)
                                + " cannot be mapped again, status=" + status);
            }
            done += pages;
        }
    }

    private void restoreDomains() {
        guest.setRegionSerial(before.regionSerial());
        GuestDomains old = before.device().domains();
        if (old == null || old.isClosed()) {
            return;
        }
        GuestDomains domains = new GuestDomains(engine, guest, old.endpointIds());
        guest.device().returned(domains);
        try {
            domains.restore(old);
        } catch (HostIommuException e) {
            throw new EngineException(EngineException.Kind.HOST, String.valueOf(e.getMessage()));
        }
    }

    private void restoreAttachment(EndpointDescriptor endpoint) {
        AddressSpace old = before.attachment(endpoint.endpointId());
        AddressSpace space = old == null ? null : guest.addressSpace(old.context());
        int result = space == null ? 0 : guest.attach(endpoint.endpointId(), space);
        if (result != 0) {
            throw new EngineException(
                    EngineException.Kind.HOST,
                    "endpoint=0x" + Integer.toHexString(endpoint.endpointId()) + " not attached, errno=" + -result);
        }
    }
}
