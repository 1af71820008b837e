package org.pviommu.host.kernel;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.pviommu.engine.FrameRange;
import org.pviommu.engine.ReservedRegion;

/**
 * What sysfs says about PCI devices: driver, IOMMU group, node. Readable by every user. Ranges are inclusive.
 *
 * @param sysfs where it is mounted
 */
record HostDevices(Path sysfs) {
    private static final int PAGE_SHIFT = 12;
    private static final int HEX = 16;

    /**
     * One device.
     *
     * @param endpointId its number here
     * @param address its name in sysfs
     * @param driver the driver that has it; null when none has
     * @param group the number of its IOMMU group; -1 when the kernel has no IOMMU for it
     * @param node the name of its node in {@code /dev/vfio/devices}; null when there is none
     */
    record Device(
            int endpointId,
            String address,
            @Nullable String driver,
            int group,
            @Nullable String node) {}

    /** The device, or null when there is none at that address. */
    @Nullable
    Device find(int endpointId) {
        String address = PciAddress.of(endpointId);
        Path folder = sysfs.resolve("bus/pci/devices").resolve(address);
        if (!Files.isDirectory(folder)) {
            return null;
        }
        return new Device(endpointId, address, linked(folder.resolve("driver")), group(folder), node(folder));
    }

    private static int group(Path folder) {
        String name = linked(folder.resolve("iommu_group"));
        try {
            return name == null ? -1 : Integer.parseInt(name);
        } catch (NumberFormatException notANumber) {
            return -1;
        }
    }

    private static @Nullable String node(Path folder) {
        return names(folder.resolve("vfio-dev")).stream().findFirst().orElse(null);
    }

    private static @Nullable String linked(Path link) {
        try {
            Path name = Files.readSymbolicLink(link).getFileName();
            return name == null ? null : name.toString();
        } catch (IOException absent) {
            return null;
        }
    }

    /** The addresses of all devices of a group, in order. */
    List<String> members(int group) {
        return names(groupFolder(group).resolve("devices"));
    }

    /** The driver of a device given by its address, or null. */
    @Nullable
    String driverOf(String address) {
        return linked(sysfs.resolve("bus/pci/devices").resolve(address).resolve("driver"));
    }

    /** All IOMMU groups, in order. */
    List<Integer> groups() {
        return names(sysfs.resolve("kernel/iommu_groups")).stream()
                .filter(name -> name.chars().allMatch(Character::isDigit))
                .map(Integer::valueOf)
                .sorted()
                .toList();
    }

    /**
     * What the kernel keeps free in a group, as far as a user of VFIO has to: ranges that the firmware relaxed are left out, as VFIO
     * leaves them out.
     */
    List<ReservedRegion> reserved(int group) {
        List<ReservedRegion> regions = new ArrayList<>();
        for (String line : lines(groupFolder(group).resolve("reserved_regions"))) {
            String[] words = line.strip().split("\\s+", -1);
            if (words.length == 3 && !words[2].equals("direct-relaxable")) {
                regions.add(new ReservedRegion(frames(words[0], words[1]), kind(words[2])));
            }
        }
        return regions;
    }

    private static FrameRange frames(String first, String last) {
        return new FrameRange(bytes(first) >>> PAGE_SHIFT, bytes(last) >>> PAGE_SHIFT);
    }

    private static long bytes(String hex) {
        return Long.parseUnsignedLong(hex.startsWith("0x") ? hex.substring(2) : hex, HEX);
    }

    private static ReservedRegion.Kind kind(String word) {
        return switch (word) {
            case "msi" -> ReservedRegion.Kind.MSI;
            case "direct" -> ReservedRegion.Kind.IDENTITY;
            default -> ReservedRegion.Kind.RESERVED;
        };
    }

    private Path groupFolder(int group) {
        return sysfs.resolve("kernel/iommu_groups").resolve(Integer.toString(group));
    }

    private static List<String> names(Path folder) {
        try (Stream<Path> entries = Files.list(folder)) {
            return entries.map(entry -> String.valueOf(entry.getFileName()))
                    .sorted()
                    .toList();
        } catch (IOException absent) {
            return List.of();
        }
    }

    private static List<String> lines(Path file) {
        try {
            return Files.readAllLines(file);
        } catch (IOException absent) {
            return List.of();
        }
    }
}
