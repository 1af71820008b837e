package org.pviommu.server;

import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.pviommu.engine.Engine;
import org.pviommu.engine.HostIommu;
import org.pviommu.host.SimulatedIommu;
import org.pviommu.natives.NativeException;
import org.pviommu.server.config.ServiceSettings;
import org.pviommu.server.grants.Grants;
import org.pviommu.server.ring.RingServer;
import org.pviommu.server.vhost.VirtualMachines;

/**
 * Everything but HTTP: host IOMMU, engine and ring transport, wired. Started by one thread, read by many, closed once.
 */
public final class IommuService implements AutoCloseable {
    private final HostIommu host;
    /** The host when it is simulated, null when its devices are real. */
    private final @Nullable SimulatedIommu simulated;

    private final ServiceSettings settings;
    private final FaultLog faults = new FaultLog();
    private final Recording recording;
    private final Engine engine;
    private final Grants grants;
    private final RingServer ring;
    private final VirtualMachines machines;
    private final Path ringPath;
    private final long startedNs = System.nanoTime();
    private volatile boolean serving;

    private IommuService(ServiceSettings settings, Path ringPath, Path journalPath, Plant plant) {
        this.settings = settings;
        this.ringPath = ringPath;
        HostIommu opened = Hosts.open(settings);
        simulated = opened instanceof SimulatedIommu software ? software : null;
        host = plant == Plant.NONE ? opened : new PlantedHost(opened, plant);
        recording = recordingOrClose(journalPath);
        host.onFault(this::fault);
        engine = new Engine(host, recording::logOf, () -> false);
        grants = new Grants(engine, settings::acceptsGrants);
        machines = machinesOrClose(plant);
        ring = Rings.create(settings, ringPath, engine, grants, recording.recovery());
    }

    private void fault(int endpoint, long iovaBytes, boolean write) {
        faults.fault(endpoint, iovaBytes, write);
        recording.fault(endpoint, iovaBytes, write);
    }

    private VirtualMachines machinesOrClose(Plant plant) {
        boolean started = false;
        try {
            VirtualMachines all = VirtualMachines.start(settings, engine, recording.recovery(), this::fault, plant);
            started = true;
            return all;
        } finally {
            if (!started) {
                recording.stopped();
                engine.close();
                recording.close();
            }
        }
    }

    /** Devices of a real host are open by now, and would stay bound without an owner. */
    private Recording recordingOrClose(Path journalPath) {
        try {
            return Recording.open(settings.journal(), journalPath, host.capabilities());
        } catch (RuntimeException failed) {
            host.close();
            throw failed;
        }
    }

    /**
     * Starts to serve guests.
     *
     * @param ringPath socket file to listen on
     * @param journalPath directory of the journal, unless the settings name another
     * @param plant fault to plant, for the demonstration; NONE otherwise
     * @throws StartException when that cannot be
     */
    public static IommuService start(ServiceSettings settings, Path ringPath, Path journalPath, Plant plant) {
        IommuService service = new IommuService(settings, ringPath, journalPath, plant);
        try {
            service.ring.start();
        } catch (NativeException | IllegalArgumentException | UncheckedIOException refused) {
            service.close();
            throw new StartException("ring=" + ringPath + " cannot be listened on: " + refused.getMessage(), refused);
        } catch (RuntimeException failed) {
            service.close();
            throw failed;
        }
        service.serving = true;
        return service;
    }

    /** The engine: guests, address spaces, mappings. */
    public Engine engine() {
        return engine;
    }

    /** The journal and the guests of before. */
    public Recording recording() {
        return recording;
    }

    /** Grants between guests. */
    public Grants grants() {
        return grants;
    }

    /** The host IOMMU of the settings. */
    public HostIommu host() {
        return host;
    }

    /** Whether devices are simulated; real ones do DMA by themselves. */
    public boolean isSimulated() {
        return simulated != null;
    }

    /**
     * The host IOMMU, for the DMA calls of simulated devices.
     *
     * @throws IllegalStateException when it {@link #isSimulated is not simulated}
     */
    public SimulatedIommu simulated() {
        if (simulated == null) {
            throw new IllegalStateException("host=" + settings.host().kind().text() + " has no simulated devices");
        }
        return simulated;
    }

    /** DMA accesses that were refused. */
    public FaultLog faults() {
        return faults;
    }

    /** Guests whose devices are served here. */
    public VirtualMachines machines() {
        return machines;
    }

    /** Where guests connect. */
    public Path ringPath() {
        return ringPath;
    }

    /** Whether guests are being served: true from the start to the beginning of the stop. */
    public boolean isServing() {
        return serving;
    }

    /** Seconds since the start. */
    public long uptimeSeconds() {
        return TimeUnit.NANOSECONDS.toSeconds(System.nanoTime() - startedNs);
    }

    /**
     * Guests first, so that calls under way are finished; that is the last thing recorded of them, and then every guest is torn
     * down while the host still works.
     */
    @Override
    public void close() {
        serving = false;
        ring.close();
        machines.close();
        recording.stopped();
        engine.close();
        recording.close();
        host.close();
    }
}
