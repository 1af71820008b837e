package org.pviommu.server.vhost;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.pviommu.engine.Access;
import org.pviommu.engine.EndpointDescriptor;
import org.pviommu.engine.Engine;
import org.pviommu.engine.EngineException;
import org.pviommu.engine.Guest;
import org.pviommu.engine.HostIommu;
import org.pviommu.journal.Recovery;
import org.pviommu.natives.NativeException;
import org.pviommu.server.Plant;
import org.pviommu.server.StartException;
import org.pviommu.server.config.DeviceConfig;
import org.pviommu.server.config.ServiceSettings;
import org.pviommu.virtio.block.BlockCounters;
import org.pviommu.virtio.block.BlockDevice;
import org.pviommu.virtio.block.BlockSettings;
import org.pviommu.virtio.hypercall.EngineHypercalls;
import org.pviommu.virtio.hypercall.HypercallDevice;
import org.pviommu.virtio.iommu.EngineDomains;
import org.pviommu.virtio.iommu.IommuConfig;
import org.pviommu.virtio.iommu.IommuDevice;
import org.pviommu.virtio.iommu.Profile;
import org.pviommu.virtio.iommu.RequestCounters;
import org.pviommu.virtio.vhost.VhostDevice;
import org.pviommu.virtio.vhost.VhostServer;

/** All virtual machines of the settings, and the sockets of their devices. Started and closed once. */
public final class VirtualMachines implements AutoCloseable {
    private static final long PAGES_FROM_4_KIB = -4096L;
    /** Room for some twenty reserved regions. */
    private static final int PROBE_BYTES = 512;
    /** The draft counts domains in bits. */
    private static final int DRAFT_LAST_DOMAIN = 0xffff;

    private final Engine engine;
    private final Sockets sockets;
    private final Plant plant;
    private final HostIommu.FaultListener faults;
    private final Map<Integer, VirtualMachine> machines = new TreeMap<>();
    private final Map<Integer, IommuDevice> iommus = new TreeMap<>();
    private final Map<Integer, BlockDevice> disks = new TreeMap<>();
    private final List<VhostServer> servers = new ArrayList<>();

    private VirtualMachines(ServiceSettings settings, Engine engine, HostIommu.FaultListener faults, Plant plant) {
        this.engine = engine;
        this.sockets = new Sockets(settings.ringPeers(), settings.devices().pollUs());
        this.faults = faults;
        this.plant = plant;
    }

    /**
     * Lets the guests in, or waits for those of before the start, and listens.
     *
     * @param faults told about refused accesses of disks
     * @throws StartException when a guest cannot be let in, an image not be opened, or a socket not be listened on; nothing is left behind
     */
    public static VirtualMachines start(
            ServiceSettings settings,
            Engine engine,
            @Nullable Recovery recovery,
            HostIommu.FaultListener faults,
            Plant plant) {
        VirtualMachines all = new VirtualMachines(settings, engine, faults, plant);
        boolean started = false;
        try {
            all.start(settings, recovery);
            started = true;
            return all;
        } finally {
            if (!started) {
                all.close();
            }
        }
    }

    private void start(ServiceSettings settings, @Nullable Recovery recovery) {
        DeviceConfig devices = settings.devices();
        for (int guest : devices.guests()) {
            machines.put(guest, new VirtualMachine(engine, guest, settings.guest(guest), recovery));
        }
        Map<Path, VhostDevice> listening = new TreeMap<>();
        devices.iommus().forEach(each -> listening.put(each.socket(), iommu(each, settings)));
        devices.disks().forEach(each -> listening.put(each.socket(), disk(each)));
        devices.hypercalls().forEach(each -> listening.put(each.socket(), hypercalls(each)));
        machines.values().forEach(this::start);
        listening.forEach(this::listen);
    }

    private void start(VirtualMachine machine) {
        try {
            machine.start();
        } catch (EngineException refused) {
            throw new StartException("guest=" + machine.id() + " cannot be let in: " + refused.getMessage(), refused);
        }
    }

    private void listen(Path socket, VhostDevice device) {
        try {
            Files.createDirectories(socket.toAbsolutePath().getParent());
            servers.add(new VhostServer(device, sockets.settings(socket), new ServiceLog()));
        } catch (NativeException | IllegalArgumentException | IOException refused) {
            throw new StartException(
                    "vhost-user socket=" + socket + " cannot be listened on: " + refused.getMessage(), refused);
        }
    }

    private VirtualMachine machine(int guest) {
        VirtualMachine machine = machines.get(guest);
        if (machine == null) {
            throw new IllegalStateException("guest=" + guest + " has no machine"); // made from the same settings
        }
        return machine;
    }

    private VhostDevice iommu(DeviceConfig.Iommu wanted, ServiceSettings settings) {
        VirtualMachine machine = machine(wanted.guest());
        List<Integer> endpoints = wanted.endpoints().isEmpty()
                ? settings.guest(wanted.guest()).endpoints().stream()
                        .map(EndpointDescriptor::endpointId)
                        .toList()
                : wanted.endpoints();
        MachinePort port = new MachinePort(engine, machine, endpoints, wanted.bypass(), plant);
        IommuDevice device = new IommuDevice(config(wanted), port);
        machine.whenAdmitted(guest -> {
            if (machine.cameBack()) {
                device.resume(guest.domainBypass());
            }
        });
        iommus.put(wanted.guest(), device);
        return device;
    }

    private static IommuConfig config(DeviceConfig.Iommu wanted) {
        return new IommuConfig(
                wanted.profile(),
                PAGES_FROM_4_KIB,
                wanted.firstIova(),
                wanted.lastIova(),
                0,
                wanted.profile() == Profile.DRAFT_0_11 ? DRAFT_LAST_DOMAIN : -1,
                PROBE_BYTES,
                wanted.bypass(),
                wanted.bypassConfig(),
                true);
    }

    private VhostDevice disk(DeviceConfig.Disk wanted) {
        VirtualMachine machine = machine(wanted.guest());
        try {
            BlockDevice disk = new BlockDevice(
                    new BlockSettings(wanted.image(), false, serial(wanted.endpoint()), 1),
                    wanted.endpoint(),
                    () -> machine.translation(wanted.endpoint()),
                    new SocketMemory(machine),
                    (endpoint, iova, write) -> fault(wanted.guest(), endpoint, iova, write));
            disks.put(wanted.endpoint(), disk);
            return disk;
        } catch (IOException | IllegalArgumentException refused) {
            throw new StartException("disk=" + wanted.image() + " cannot be used: " + refused.getMessage(), refused);
        }
    }

    private static String serial(int endpoint) {
        return "pvi-" + Integer.toHexString(endpoint);
    }

    /** The driver is told, too, when there is one. */
    private void fault(int guestId, int endpoint, long iova, boolean write) {
        faults.fault(endpoint, iova, write);
        IommuDevice device = iommus.get(guestId);
        Guest guest = machine(guestId).guest();
        if (device != null && guest != null) {
            device.reportFault(
                    EngineDomains.faultReason(guest, endpoint), write ? Access.WRITE : Access.READ, endpoint, iova);
        }
    }

    private VhostDevice hypercalls(DeviceConfig.Hypercalls wanted) {
        VirtualMachine machine = machine(wanted.guest());
        return new HypercallDevice(new EngineHypercalls(engine, machine::guest, new SocketMemory(machine)));
    }

    /** How requests of virtio-iommu devices were answered, by guest. */
    public Map<Integer, RequestCounters> requests() {
        Map<Integer, RequestCounters> all = new TreeMap<>();
        iommus.forEach((guest, device) -> all.put(guest, device.requests()));
        return all;
    }

    /** Faults that drivers left no room for, by guest. */
    public Map<Integer, Long> droppedFaults() {
        Map<Integer, Long> all = new TreeMap<>();
        iommus.forEach((guest, device) -> all.put(guest, device.droppedFaults()));
        return all;
    }

    /** What disks did, by endpoint. */
    public Map<Integer, BlockCounters> disks() {
        Map<Integer, BlockCounters> all = new TreeMap<>();
        disks.forEach((endpoint, disk) -> all.put(endpoint, disk.counters()));
        return all;
    }

    /** The sockets' own figures. */
    public List<VhostServer> servers() {
        return List.copyOf(servers);
    }

    /** Requests under way are finished; the machines' guests stay as they are, for the next start. */
    @Override
    public void close() {
        machines.values().forEach(VirtualMachine::stop);
        servers.forEach(VhostServer::close);
        disks.values().forEach(BlockDevice::close);
    }
}
