package org.pviommu.server.config;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.pviommu.server.EndpointId;
import org.pviommu.virtio.iommu.Profile;

/**
 * The virtio devices that the service has for virtual machines, each on a vhost-user socket of its own.
 *
 * @param iommus virtio-iommu devices, at most one for a guest
 * @param disks block devices
 * @param hypercalls hypercall devices, at most one for a guest
 * @param pollUs how long a socket's queues are looked at again and again before its thread sleeps; 0 = not at all
 */
public record DeviceConfig(List<Iommu> iommus, List<Disk> disks, List<Hypercalls> hypercalls, int pollUs) {
    /** The guest of a device that names none: one machine needs no numbers. */
    public static final int DEFAULT_GUEST = 1;
    /** Longer than a driver takes from one request to the next, shorter than anybody notices. */
    public static final int DEFAULT_POLL_US = 50;

    /**
     * A virtio-iommu device.
     *
     * @param socket where the virtual machine monitor connects
     * @param guest whose it is
     * @param profile the text it follows
     * @param firstIova first IOVA that can be mapped
     * @param lastIova last one; 0 to all ones means no limit
     * @param endpoints what it governs; empty for all of the guest's
     * @param bypass whether unattached endpoints reach the guest's memory when the machine starts, as its firmware wants
     * @param bypassConfig whether the driver may change that, and attach endpoints to domains without translation
     */
    public record Iommu(
            Path socket,
            int guest,
            Profile profile,
            long firstIova,
            long lastIova,
            List<Integer> endpoints,
            boolean bypass,
            boolean bypassConfig) {
        /** Copies the list. */
        public Iommu {
            endpoints = List.copyOf(endpoints);
        }
    }

    /**
     * A block device.
     *
     * @param endpoint its number at the virtual IOMMU
     * @param socket where the virtual machine monitor connects
     * @param image the file behind it
     * @param guest whose it is
     */
    public record Disk(int endpoint, Path socket, Path image, int guest) {}

    /**
     * A hypercall device.
     *
     * @param socket where the virtual machine monitor connects
     * @param guest whose it is
     */
    public record Hypercalls(Path socket, int guest) {}

    /**
     * Copies the lists.
     *
     * @throws ConfigException when a socket is named twice, or a guest has two devices that rule the same thing
     */
    public DeviceConfig {
        iommus = List.copyOf(iommus);
        disks = List.copyOf(disks);
        hypercalls = List.copyOf(hypercalls);
        Set<Path> sockets = new HashSet<>();
        iommus.forEach(
                each -> requireNew(sockets, each.socket().toAbsolutePath().normalize(), "socket"));
        disks.forEach(each -> requireNew(sockets, each.socket().toAbsolutePath().normalize(), "socket"));
        hypercalls.forEach(
                each -> requireNew(sockets, each.socket().toAbsolutePath().normalize(), "socket"));
        Set<Integer> governed = new HashSet<>();
        iommus.forEach(each -> requireNew(governed, each.guest(), "virtio-iommu of guest"));
        Set<Integer> calling = new HashSet<>();
        hypercalls.forEach(each -> requireNew(calling, each.guest(), "hypercall device of guest"));
    }

    private static <T> void requireNew(Set<T> seen, T value, String what) {
        if (!seen.add(value)) {
            throw new ConfigException(what + "=" + value + " is configured twice");
        }
    }

    /** None of them. */
    public static DeviceConfig none() {
        return new DeviceConfig(List.of(), List.of(), List.of(), DEFAULT_POLL_US);
    }

    /** These and those; the poll time stays. */
    public DeviceConfig and(DeviceConfig more) {
        return new DeviceConfig(
                joined(iommus, more.iommus), joined(disks, more.disks), joined(hypercalls, more.hypercalls), pollUs);
    }

    /** The same with another poll time. */
    public DeviceConfig withPollUs(int us) {
        return new DeviceConfig(iommus, disks, hypercalls, us);
    }

    private static <T> List<T> joined(List<T> some, List<T> more) {
        List<T> all = new ArrayList<>(some);
        all.addAll(more);
        return all;
    }

    /** The guests that have a device here. */
    public Set<Integer> guests() {
        Set<Integer> all = new HashSet<>();
        iommus.forEach(each -> all.add(each.guest()));
        disks.forEach(each -> all.add(each.guest()));
        hypercalls.forEach(each -> all.add(each.guest()));
        return all;
    }

    /**
     * The endpoints that a guest has because of its devices here.
     *
     * @throws ConfigException when two disks have the same one
     */
    public List<Integer> endpoints(int guest) {
        List<Integer> all = new ArrayList<>();
        for (Disk disk : disks) {
            if (disk.guest() == guest) {
                if (all.contains(disk.endpoint())) {
                    throw new ConfigException("endpoint=" + EndpointId.format(disk.endpoint()) + " has two disks");
                }
                all.add(disk.endpoint());
            }
        }
        for (Iommu iommu : iommus) {
            if (iommu.guest() == guest) {
                iommu.endpoints().stream().filter(each -> !all.contains(each)).forEach(all::add);
            }
        }
        return all;
    }
}
