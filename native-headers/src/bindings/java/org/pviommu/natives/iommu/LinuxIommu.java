package org.pviommu.natives.iommu;

import java.lang.foreign.ValueLayout;

/**
 * The part of {@code linux/iommufd.h} and {@code linux/vfio.h} that this project uses, for x86-64.
 *
 * <p>The shape is the one that jextract gives a header: a constant {@code X} is the method {@code X()}. The requests are numbers
 * for ioctl(2), made with {@code _IO(';', n)}: no size and no direction in them, so the structures carry their size themselves.
 */
public final class LinuxIommu {

    public static final ValueLayout.OfByte C_CHAR = ValueLayout.JAVA_BYTE;
    public static final ValueLayout.OfShort C_SHORT = ValueLayout.JAVA_SHORT;
    public static final ValueLayout.OfInt C_INT = ValueLayout.JAVA_INT;
    public static final ValueLayout.OfLong C_LONG_LONG = ValueLayout.JAVA_LONG;

    private LinuxIommu() {}

    // Requests of an iommufd.

    public static int IOMMU_DESTROY() {
        return 0x3b80;
    }

    public static int IOMMU_IOAS_ALLOC() {
        return 0x3b81;
    }

    public static int IOMMU_IOAS_ALLOW_IOVAS() {
        return 0x3b82;
    }

    public static int IOMMU_IOAS_IOVA_RANGES() {
        return 0x3b84;
    }

    public static int IOMMU_IOAS_MAP() {
        return 0x3b85;
    }

    public static int IOMMU_IOAS_UNMAP() {
        return 0x3b86;
    }

    public static int IOMMU_OPTION() {
        return 0x3b87;
    }

    public static int IOMMU_VFIO_IOAS() {
        return 0x3b88;
    }

    public static int IOMMU_HWPT_ALLOC() {
        return 0x3b89;
    }

    public static int IOMMU_GET_HW_INFO() {
        return 0x3b8a;
    }

    public static int IOMMU_IOAS_MAP_FILE() {
        return 0x3b8f;
    }

    // Flags and numbers of these requests.

    public static int IOMMU_IOAS_MAP_FIXED_IOVA() {
        return 0x1;
    }

    public static int IOMMU_IOAS_MAP_WRITEABLE() {
        return 0x2;
    }

    public static int IOMMU_IOAS_MAP_READABLE() {
        return 0x4;
    }

    public static int IOMMU_OPTION_RLIMIT_MODE() {
        return 0;
    }

    public static int IOMMU_OPTION_HUGE_PAGES() {
        return 1;
    }

    public static int IOMMU_OPTION_OP_SET() {
        return 0;
    }

    public static int IOMMU_OPTION_OP_GET() {
        return 1;
    }

    public static int IOMMU_VFIO_IOAS_GET() {
        return 0;
    }

    public static int IOMMU_VFIO_IOAS_SET() {
        return 1;
    }

    public static int IOMMU_VFIO_IOAS_CLEAR() {
        return 2;
    }

    public static int IOMMU_HW_INFO_TYPE_NONE() {
        return 0;
    }

    public static int IOMMU_HW_INFO_TYPE_INTEL_VTD() {
        return 1;
    }

    public static int IOMMU_HW_INFO_TYPE_ARM_SMMUV3() {
        return 2;
    }

    // Requests of a VFIO container and group.

    public static int VFIO_API_VERSION() {
        return 0;
    }

    public static int VFIO_TYPE1v2_IOMMU() {
        return 3;
    }

    public static int VFIO_UNMAP_ALL() {
        return 9;
    }

    public static int VFIO_GET_API_VERSION() {
        return 0x3b64;
    }

    public static int VFIO_CHECK_EXTENSION() {
        return 0x3b65;
    }

    public static int VFIO_SET_IOMMU() {
        return 0x3b66;
    }

    public static int VFIO_GROUP_GET_STATUS() {
        return 0x3b67;
    }

    public static int VFIO_GROUP_SET_CONTAINER() {
        return 0x3b68;
    }

    public static int VFIO_GROUP_UNSET_CONTAINER() {
        return 0x3b69;
    }

    public static int VFIO_GROUP_GET_DEVICE_FD() {
        return 0x3b6a;
    }

    public static int VFIO_IOMMU_GET_INFO() {
        return 0x3b70;
    }

    public static int VFIO_IOMMU_MAP_DMA() {
        return 0x3b71;
    }

    public static int VFIO_IOMMU_UNMAP_DMA() {
        return 0x3b72;
    }

    // Flags and numbers of these requests.

    public static int VFIO_GROUP_FLAGS_VIABLE() {
        return 0x1;
    }

    public static int VFIO_GROUP_FLAGS_CONTAINER_SET() {
        return 0x2;
    }

    public static int VFIO_IOMMU_INFO_PGSIZES() {
        return 0x1;
    }

    public static int VFIO_IOMMU_INFO_CAPS() {
        return 0x2;
    }

    public static int VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE() {
        return 1;
    }

    public static int VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL() {
        return 3;
    }

    public static int VFIO_DMA_MAP_FLAG_READ() {
        return 0x1;
    }

    public static int VFIO_DMA_MAP_FLAG_WRITE() {
        return 0x2;
    }

    public static int VFIO_DMA_UNMAP_FLAG_ALL() {
        return 0x2;
    }

    // Requests of a VFIO device.

    public static int VFIO_DEVICE_GET_INFO() {
        return 0x3b6b;
    }

    public static int VFIO_DEVICE_GET_REGION_INFO() {
        return 0x3b6c;
    }

    public static int VFIO_DEVICE_SET_IRQS() {
        return 0x3b6e;
    }

    public static int VFIO_DEVICE_RESET() {
        return 0x3b6f;
    }

    // Requests of a VFIO device by its own node (cdev).

    public static int VFIO_DEVICE_BIND_IOMMUFD() {
        return 0x3b76;
    }

    public static int VFIO_DEVICE_ATTACH_IOMMUFD_PT() {
        return 0x3b77;
    }

    public static int VFIO_DEVICE_DETACH_IOMMUFD_PT() {
        return 0x3b78;
    }

    // Flags and numbers of devices.

    public static int VFIO_DEVICE_FLAGS_RESET() {
        return 0x1;
    }

    public static int VFIO_DEVICE_FLAGS_PCI() {
        return 0x2;
    }

    public static int VFIO_REGION_INFO_FLAG_READ() {
        return 0x1;
    }

    public static int VFIO_REGION_INFO_FLAG_WRITE() {
        return 0x2;
    }

    public static int VFIO_REGION_INFO_FLAG_MMAP() {
        return 0x4;
    }

    public static int VFIO_PCI_BAR0_REGION_INDEX() {
        return 0;
    }

    public static int VFIO_PCI_CONFIG_REGION_INDEX() {
        return 7;
    }

    public static int VFIO_PCI_REQ_IRQ_INDEX() {
        return 4;
    }

    public static int VFIO_IRQ_SET_DATA_NONE() {
        return 0x1;
    }

    public static int VFIO_IRQ_SET_DATA_EVENTFD() {
        return 0x4;
    }

    public static int VFIO_IRQ_SET_ACTION_TRIGGER() {
        return 0x20;
    }
}
