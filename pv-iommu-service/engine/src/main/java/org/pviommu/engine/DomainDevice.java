package org.pviommu.engine;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Opens a guest's virtio-iommu device. */
final class DomainDevice {
    private final Engine engine;
    private final Guest guest;

    DomainDevice(Engine engine, Guest guest) {
        this.engine = engine;
        this.guest = guest;
    }

    GuestDomains open(List<Integer> ids, boolean bypass) {
        List<GuestDomains> opened = new ArrayList<>();
        guest.locked(() -> {
            guest.requireAlive();
            requireWholeGroups(ids);
            GuestDomains there = guest.device().domains();
            if (there != null && !there.isClosed()) {
                opened.add(adopt(there, ids));
                return;
            }
            if (there != null && !guest.device().close(there)) {
                throw new EngineException(
                        EngineException.Kind.BUSY, "guest=" + guest.id() + ": the device before is not let go of yet");
            }
            guest.requireRoomInLog();
            opened.add(openNew(ids, bypass));
        });
        return opened.getFirst();
    }

    private GuestDomains adopt(GuestDomains there, List<Integer> ids) {
        if (!guest.device().isReturned() || !new HashSet<>(there.endpointIds()).equals(new HashSet<>(ids))) {
            throw new EngineException(
                    EngineException.Kind.BUSY,
                    "guest=" + guest.id() + " has a virtio-iommu device with endpoints=" + there.endpointIds());
        }
        guest.device().taken();
        return there;
    }

    private GuestDomains openNew(List<Integer> ids, boolean bypass) {
        guest.beginCall();
        Map<Integer, AddressSpace> left = new LinkedHashMap<>();
        for (int id : ids) {
            AddressSpace before = guest.attachment(id);
            if (before != null && guest.detach(id) != 0) {
                left.forEach(guest::attach); // a refusal leaves it blocked, which is safe
                guest.changed(new Change.DeviceOpened(ids, bypass, false));
                throw new EngineException(
                        EngineException.Kind.HOST, "endpoint=0x" + Integer.toHexString(id) + " cannot be moved");
            }
            if (before != null) {
                left.put(id, before);
            }
        }
        GuestDomains domains = new GuestDomains(engine, guest, ids);
        guest.device().opened(domains);
        domains.open(bypass);
        guest.readers().awaitReaders();
        guest.changed(new Change.DeviceOpened(ids, bypass, true));
        return domains;
    }

    private void requireWholeGroups(List<Integer> ids) {
        Set<Integer> groups = new HashSet<>();
        for (int id : ids) {
            EndpointDescriptor endpoint = guest.endpoint(id);
            if (endpoint == null) {
                throw new EngineException(
                        EngineException.Kind.INVALID,
                        "endpoint=0x" + Integer.toHexString(id) + " is not one of guest=" + guest.id());
            }
            groups.add(endpoint.group());
        }
        if (new HashSet<>(ids).size() != ids.size()) {
            throw new EngineException(EngineException.Kind.INVALID, "endpoints=" + ids + " has one twice");
        }
        for (EndpointDescriptor each : guest.endpoints()) {
            if (groups.contains(each.group()) && !ids.contains(each.endpointId())) {
                throw new EngineException(
                        EngineException.Kind.INVALID,
                        "endpoints=" + ids + " lack 0x" + Integer.toHexString(each.endpointId()) + " of group="
                                + each.group());
            }
        }
    }
}
