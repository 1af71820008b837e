package org.pviommu.journal.replay;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.pviommu.engine.BatchPlayer;
import org.pviommu.engine.Change;
import org.pviommu.engine.DomainExecutor;
import org.pviommu.engine.DomainInfo;
import org.pviommu.engine.Engine;
import org.pviommu.engine.EngineException;
import org.pviommu.engine.Guest;
import org.pviommu.engine.RangeMapping;
import org.pviommu.journal.record.DomainRequest;
import org.pviommu.journal.record.JournalRecord;

/** Does on the engine what virtio-iommu devices were asked for. */
final class EngineDevices {
    private static final int MAPPINGS_AT_A_TIME = 4096;

    private final BatchPlayer player;
    private final ReplayLog log;
    /** The device that was opened last, by guest number; a guest that comes anew opens one before it asks anything. */
    private final Map<Integer, DomainExecutor> devices = new HashMap<>();

    EngineDevices(BatchPlayer player, ReplayLog log) {
        this.player = player;
        this.log = log;
    }

    /** A batch. */
    void run(JournalRecord.Domains record) {
        log.room(record.roomForMaps(), record.roomForRemovals());
        if (record.requests().isEmpty()) {
            player.flushDomains(record.guestId());
            return;
        }
        DomainExecutor device = device(record.guestId());
        record.requests().forEach(request -> ask(device, request));
        device.endBatch();
    }

    private static void ask(DomainExecutor device, DomainRequest request) {
        switch (request.kind()) {
            case ATTACH -> device.attach(request.domain(), request.endpoint(), request.option());
            case DETACH -> device.detach(request.domain(), request.endpoint());
            case MAP ->
                device.map(
                        request.domain(),
                        request.first(),
                        request.last(),
                        request.target(),
                        request.access(),
                        request.option());
            case UNMAP -> device.unmap(request.domain(), request.first(), request.last());
        }
    }

    private DomainExecutor device(int guestId) {
        DomainExecutor device = devices.get(guestId);
        if (device == null) {
            throw new EngineException(
                    EngineException.Kind.NOT_FOUND, "guest=" + guestId + " has no virtio-iommu device");
        }
        return device;
    }

    /** The refusal of the host is part of what is recorded. */
    void open(Engine engine, Guest guest, Change.DeviceOpened opened) {
        try {
            devices.put(guest.id(), new DomainExecutor(engine, guest, opened.endpoints(), opened.bypass()));
        } catch (EngineException e) {
            if (opened.opened() || e.kind() != EngineException.Kind.HOST) {
                throw e;
            }
        }
    }

    void setBypass(int guestId, boolean on) {
        device(guestId).setBypass(on);
    }

    void reset(int guestId) {
        device(guestId).reset();
    }

    void close(int guestId) {
        player.closeDevice(guestId);
    }

    static List<MappedRange> mappings(Guest guest) {
        List<MappedRange> all = new ArrayList<>();
        for (DomainInfo domain : guest.domainList()) {
            long from = 0;
            List<RangeMapping> some;
            do {
                some = guest.domainMappings(domain.domain(), from, MAPPINGS_AT_A_TIME);
                for (RangeMapping each : some) {
                    all.add(new MappedRange(
                            guest.id(),
                            domain.domain(),
                            each.first(),
                            each.last(),
                            each.target(),
                            each.access(),
                            each.mmio()));
                    from = each.last() + 1;
                }
            } while (some.size() == MAPPINGS_AT_A_TIME && from != 0);
        }
        return all;
    }
}
