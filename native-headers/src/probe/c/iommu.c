/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prints what the C compiler and the kernel's headers say about everything that org.pviommu.natives.iommu states, in the lines that
 * probe.c describes. Headers older than the bindings are the rule here: iommufd came with Linux 6.2, devices by their own node with
 * 6.6, mapping by file with 6.14. What these headers lack is printed as unchecked. An enumerator cannot be asked for with #ifdef, so
 * groups stand behind a macro that came in the same version.
 */
#include <stddef.h>
#include <stdio.h>
#include <linux/vfio.h>
#if __has_include(<linux/iommufd.h>)
#include <linux/iommufd.h>
#endif

#define CONSTANT(name) printf("constant.%s=%lld\n", #name, (long long)(name))
#define UNCHECKED_CONSTANT(name) printf("unchecked.constant.%s=0\n", #name)
#define UNCHECKED(name) printf("unchecked.%s=0\n", name)
#define TYPE(name)                                                    \
    do {                                                              \
        printf("sizeof.%s=%zu\n", #name, sizeof(struct name));        \
        printf("alignof.%s=%zu\n", #name, _Alignof(struct name));     \
    } while (0)
#define OFFSET(name, field) printf("offsetof.%s.%s=%zu\n", #name, #field, offsetof(struct name, field))
#define FIELD(name, field)                                                                  \
    do {                                                                                    \
        OFFSET(name, field);                                                                \
        printf("sizeof.%s.%s=%zu\n", #name, #field, sizeof(((struct name *)0)->field));     \
    } while (0)
/* A flexible array has no size to ask for. */
#define FLEXIBLE(name, field)                                   \
    do {                                                        \
        OFFSET(name, field);                                    \
        printf("sizeof.%s.%s=0\n", #name, #field);              \
    } while (0)

static void constants(void)
{
#if defined(IOMMU_DESTROY)
    CONSTANT(IOMMU_DESTROY);
    CONSTANT(IOMMU_IOAS_ALLOC);
    CONSTANT(IOMMU_IOAS_ALLOW_IOVAS);
    CONSTANT(IOMMU_IOAS_IOVA_RANGES);
    CONSTANT(IOMMU_IOAS_MAP);
    CONSTANT(IOMMU_IOAS_UNMAP);
    CONSTANT(IOMMU_OPTION);
    CONSTANT(IOMMU_VFIO_IOAS);
#else
    UNCHECKED_CONSTANT(IOMMU_DESTROY);
    UNCHECKED_CONSTANT(IOMMU_IOAS_ALLOC);
    UNCHECKED_CONSTANT(IOMMU_IOAS_ALLOW_IOVAS);
    UNCHECKED_CONSTANT(IOMMU_IOAS_IOVA_RANGES);
    UNCHECKED_CONSTANT(IOMMU_IOAS_MAP);
    UNCHECKED_CONSTANT(IOMMU_IOAS_UNMAP);
    UNCHECKED_CONSTANT(IOMMU_OPTION);
    UNCHECKED_CONSTANT(IOMMU_VFIO_IOAS);
#endif
#if defined(IOMMU_HWPT_ALLOC)
    CONSTANT(IOMMU_HWPT_ALLOC);
#else
    UNCHECKED_CONSTANT(IOMMU_HWPT_ALLOC);
#endif
#if defined(IOMMU_GET_HW_INFO)
    CONSTANT(IOMMU_GET_HW_INFO);
#else
    UNCHECKED_CONSTANT(IOMMU_GET_HW_INFO);
#endif
#if defined(IOMMU_IOAS_MAP_FILE)
    CONSTANT(IOMMU_IOAS_MAP_FILE);
#else
    UNCHECKED_CONSTANT(IOMMU_IOAS_MAP_FILE);
#endif
#if defined(IOMMU_DESTROY)
    CONSTANT(IOMMU_IOAS_MAP_FIXED_IOVA);
    CONSTANT(IOMMU_IOAS_MAP_WRITEABLE);
    CONSTANT(IOMMU_IOAS_MAP_READABLE);
    CONSTANT(IOMMU_OPTION_RLIMIT_MODE);
    CONSTANT(IOMMU_OPTION_HUGE_PAGES);
    CONSTANT(IOMMU_OPTION_OP_SET);
    CONSTANT(IOMMU_OPTION_OP_GET);
    CONSTANT(IOMMU_VFIO_IOAS_GET);
    CONSTANT(IOMMU_VFIO_IOAS_SET);
    CONSTANT(IOMMU_VFIO_IOAS_CLEAR);
    CONSTANT(IOMMU_HW_INFO_TYPE_NONE);
    CONSTANT(IOMMU_HW_INFO_TYPE_INTEL_VTD);
    CONSTANT(IOMMU_HW_INFO_TYPE_ARM_SMMUV3);
#else
    UNCHECKED_CONSTANT(IOMMU_IOAS_MAP_FIXED_IOVA);
    UNCHECKED_CONSTANT(IOMMU_IOAS_MAP_WRITEABLE);
    UNCHECKED_CONSTANT(IOMMU_IOAS_MAP_READABLE);
    UNCHECKED_CONSTANT(IOMMU_OPTION_RLIMIT_MODE);
    UNCHECKED_CONSTANT(IOMMU_OPTION_HUGE_PAGES);
    UNCHECKED_CONSTANT(IOMMU_OPTION_OP_SET);
    UNCHECKED_CONSTANT(IOMMU_OPTION_OP_GET);
    UNCHECKED_CONSTANT(IOMMU_VFIO_IOAS_GET);
    UNCHECKED_CONSTANT(IOMMU_VFIO_IOAS_SET);
    UNCHECKED_CONSTANT(IOMMU_VFIO_IOAS_CLEAR);
    UNCHECKED_CONSTANT(IOMMU_HW_INFO_TYPE_NONE);
    UNCHECKED_CONSTANT(IOMMU_HW_INFO_TYPE_INTEL_VTD);
    UNCHECKED_CONSTANT(IOMMU_HW_INFO_TYPE_ARM_SMMUV3);
#endif
    CONSTANT(VFIO_API_VERSION);
    CONSTANT(VFIO_TYPE1v2_IOMMU);
    CONSTANT(VFIO_UNMAP_ALL);
    CONSTANT(VFIO_GET_API_VERSION);
    CONSTANT(VFIO_CHECK_EXTENSION);
    CONSTANT(VFIO_SET_IOMMU);
    CONSTANT(VFIO_GROUP_GET_STATUS);
    CONSTANT(VFIO_GROUP_SET_CONTAINER);
    CONSTANT(VFIO_GROUP_UNSET_CONTAINER);
    CONSTANT(VFIO_GROUP_GET_DEVICE_FD);
    CONSTANT(VFIO_IOMMU_GET_INFO);
    CONSTANT(VFIO_IOMMU_MAP_DMA);
    CONSTANT(VFIO_IOMMU_UNMAP_DMA);
    CONSTANT(VFIO_GROUP_FLAGS_VIABLE);
    CONSTANT(VFIO_GROUP_FLAGS_CONTAINER_SET);
    CONSTANT(VFIO_IOMMU_INFO_PGSIZES);
    CONSTANT(VFIO_IOMMU_INFO_CAPS);
    CONSTANT(VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE);
    CONSTANT(VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL);
    CONSTANT(VFIO_DMA_MAP_FLAG_READ);
    CONSTANT(VFIO_DMA_MAP_FLAG_WRITE);
    CONSTANT(VFIO_DMA_UNMAP_FLAG_ALL);
    CONSTANT(VFIO_DEVICE_GET_INFO);
    CONSTANT(VFIO_DEVICE_GET_REGION_INFO);
    CONSTANT(VFIO_DEVICE_SET_IRQS);
    CONSTANT(VFIO_DEVICE_RESET);
#if defined(VFIO_DEVICE_BIND_IOMMUFD)
    CONSTANT(VFIO_DEVICE_BIND_IOMMUFD);
    CONSTANT(VFIO_DEVICE_ATTACH_IOMMUFD_PT);
    CONSTANT(VFIO_DEVICE_DETACH_IOMMUFD_PT);
#else
    UNCHECKED_CONSTANT(VFIO_DEVICE_BIND_IOMMUFD);
    UNCHECKED_CONSTANT(VFIO_DEVICE_ATTACH_IOMMUFD_PT);
    UNCHECKED_CONSTANT(VFIO_DEVICE_DETACH_IOMMUFD_PT);
#endif
    CONSTANT(VFIO_DEVICE_FLAGS_RESET);
    CONSTANT(VFIO_DEVICE_FLAGS_PCI);
    CONSTANT(VFIO_REGION_INFO_FLAG_READ);
    CONSTANT(VFIO_REGION_INFO_FLAG_WRITE);
    CONSTANT(VFIO_REGION_INFO_FLAG_MMAP);
    CONSTANT(VFIO_PCI_BAR0_REGION_INDEX);
    CONSTANT(VFIO_PCI_CONFIG_REGION_INDEX);
    CONSTANT(VFIO_PCI_REQ_IRQ_INDEX);
    CONSTANT(VFIO_IRQ_SET_DATA_NONE);
    CONSTANT(VFIO_IRQ_SET_DATA_EVENTFD);
    CONSTANT(VFIO_IRQ_SET_ACTION_TRIGGER);
}

static void structures(void)
{
#if defined(IOMMU_DESTROY)
    TYPE(iommu_destroy);
    FIELD(iommu_destroy, size);
    FIELD(iommu_destroy, id);
#else
    UNCHECKED("sizeof.iommu_destroy");
    UNCHECKED("alignof.iommu_destroy");
    UNCHECKED("offsetof.iommu_destroy.size");
    UNCHECKED("sizeof.iommu_destroy.size");
    UNCHECKED("offsetof.iommu_destroy.id");
    UNCHECKED("sizeof.iommu_destroy.id");
#endif
#if defined(IOMMU_DESTROY)
    TYPE(iommu_ioas_alloc);
    FIELD(iommu_ioas_alloc, size);
    FIELD(iommu_ioas_alloc, flags);
    FIELD(iommu_ioas_alloc, out_ioas_id);
#else
    UNCHECKED("sizeof.iommu_ioas_alloc");
    UNCHECKED("alignof.iommu_ioas_alloc");
    UNCHECKED("offsetof.iommu_ioas_alloc.size");
    UNCHECKED("sizeof.iommu_ioas_alloc.size");
    UNCHECKED("offsetof.iommu_ioas_alloc.flags");
    UNCHECKED("sizeof.iommu_ioas_alloc.flags");
    UNCHECKED("offsetof.iommu_ioas_alloc.out_ioas_id");
    UNCHECKED("sizeof.iommu_ioas_alloc.out_ioas_id");
#endif
#if defined(IOMMU_DESTROY)
    TYPE(iommu_iova_range);
    FIELD(iommu_iova_range, start);
    FIELD(iommu_iova_range, last);
#else
    UNCHECKED("sizeof.iommu_iova_range");
    UNCHECKED("alignof.iommu_iova_range");
    UNCHECKED("offsetof.iommu_iova_range.start");
    UNCHECKED("sizeof.iommu_iova_range.start");
    UNCHECKED("offsetof.iommu_iova_range.last");
    UNCHECKED("sizeof.iommu_iova_range.last");
#endif
#if defined(IOMMU_DESTROY)
    TYPE(iommu_ioas_iova_ranges);
    FIELD(iommu_ioas_iova_ranges, size);
    FIELD(iommu_ioas_iova_ranges, ioas_id);
    FIELD(iommu_ioas_iova_ranges, num_iovas);
    FIELD(iommu_ioas_iova_ranges, __reserved);
    FIELD(iommu_ioas_iova_ranges, allowed_iovas);
    FIELD(iommu_ioas_iova_ranges, out_iova_alignment);
#else
    UNCHECKED("sizeof.iommu_ioas_iova_ranges");
    UNCHECKED("alignof.iommu_ioas_iova_ranges");
    UNCHECKED("offsetof.iommu_ioas_iova_ranges.size");
    UNCHECKED("sizeof.iommu_ioas_iova_ranges.size");
    UNCHECKED("offsetof.iommu_ioas_iova_ranges.ioas_id");
    UNCHECKED("sizeof.iommu_ioas_iova_ranges.ioas_id");
    UNCHECKED("offsetof.iommu_ioas_iova_ranges.num_iovas");
    UNCHECKED("sizeof.iommu_ioas_iova_ranges.num_iovas");
    UNCHECKED("offsetof.iommu_ioas_iova_ranges.__reserved");
    UNCHECKED("sizeof.iommu_ioas_iova_ranges.__reserved");
    UNCHECKED("offsetof.iommu_ioas_iova_ranges.allowed_iovas");
    UNCHECKED("sizeof.iommu_ioas_iova_ranges.allowed_iovas");
    UNCHECKED("offsetof.iommu_ioas_iova_ranges.out_iova_alignment");
    UNCHECKED("sizeof.iommu_ioas_iova_ranges.out_iova_alignment");
#endif
#if defined(IOMMU_DESTROY)
    TYPE(iommu_ioas_allow_iovas);
    FIELD(iommu_ioas_allow_iovas, size);
    FIELD(iommu_ioas_allow_iovas, ioas_id);
    FIELD(iommu_ioas_allow_iovas, num_iovas);
    FIELD(iommu_ioas_allow_iovas, __reserved);
    FIELD(iommu_ioas_allow_iovas, allowed_iovas);
#else
    UNCHECKED("sizeof.iommu_ioas_allow_iovas");
    UNCHECKED("alignof.iommu_ioas_allow_iovas");
    UNCHECKED("offsetof.iommu_ioas_allow_iovas.size");
    UNCHECKED("sizeof.iommu_ioas_allow_iovas.size");
    UNCHECKED("offsetof.iommu_ioas_allow_iovas.ioas_id");
    UNCHECKED("sizeof.iommu_ioas_allow_iovas.ioas_id");
    UNCHECKED("offsetof.iommu_ioas_allow_iovas.num_iovas");
    UNCHECKED("sizeof.iommu_ioas_allow_iovas.num_iovas");
    UNCHECKED("offsetof.iommu_ioas_allow_iovas.__reserved");
    UNCHECKED("sizeof.iommu_ioas_allow_iovas.__reserved");
    UNCHECKED("offsetof.iommu_ioas_allow_iovas.allowed_iovas");
    UNCHECKED("sizeof.iommu_ioas_allow_iovas.allowed_iovas");
#endif
#if defined(IOMMU_DESTROY)
    TYPE(iommu_ioas_map);
    FIELD(iommu_ioas_map, size);
    FIELD(iommu_ioas_map, flags);
    FIELD(iommu_ioas_map, ioas_id);
    FIELD(iommu_ioas_map, __reserved);
    FIELD(iommu_ioas_map, user_va);
    FIELD(iommu_ioas_map, length);
    FIELD(iommu_ioas_map, iova);
#else
    UNCHECKED("sizeof.iommu_ioas_map");
    UNCHECKED("alignof.iommu_ioas_map");
    UNCHECKED("offsetof.iommu_ioas_map.size");
    UNCHECKED("sizeof.iommu_ioas_map.size");
    UNCHECKED("offsetof.iommu_ioas_map.flags");
    UNCHECKED("sizeof.iommu_ioas_map.flags");
    UNCHECKED("offsetof.iommu_ioas_map.ioas_id");
    UNCHECKED("sizeof.iommu_ioas_map.ioas_id");
    UNCHECKED("offsetof.iommu_ioas_map.__reserved");
    UNCHECKED("sizeof.iommu_ioas_map.__reserved");
    UNCHECKED("offsetof.iommu_ioas_map.user_va");
    UNCHECKED("sizeof.iommu_ioas_map.user_va");
    UNCHECKED("offsetof.iommu_ioas_map.length");
    UNCHECKED("sizeof.iommu_ioas_map.length");
    UNCHECKED("offsetof.iommu_ioas_map.iova");
    UNCHECKED("sizeof.iommu_ioas_map.iova");
#endif
#if defined(IOMMU_IOAS_MAP_FILE)
    TYPE(iommu_ioas_map_file);
    FIELD(iommu_ioas_map_file, size);
    FIELD(iommu_ioas_map_file, flags);
    FIELD(iommu_ioas_map_file, ioas_id);
    FIELD(iommu_ioas_map_file, fd);
    FIELD(iommu_ioas_map_file, start);
    FIELD(iommu_ioas_map_file, length);
    FIELD(iommu_ioas_map_file, iova);
#else
    UNCHECKED("sizeof.iommu_ioas_map_file");
    UNCHECKED("alignof.iommu_ioas_map_file");
    UNCHECKED("offsetof.iommu_ioas_map_file.size");
    UNCHECKED("sizeof.iommu_ioas_map_file.size");
    UNCHECKED("offsetof.iommu_ioas_map_file.flags");
    UNCHECKED("sizeof.iommu_ioas_map_file.flags");
    UNCHECKED("offsetof.iommu_ioas_map_file.ioas_id");
    UNCHECKED("sizeof.iommu_ioas_map_file.ioas_id");
    UNCHECKED("offsetof.iommu_ioas_map_file.fd");
    UNCHECKED("sizeof.iommu_ioas_map_file.fd");
    UNCHECKED("offsetof.iommu_ioas_map_file.start");
    UNCHECKED("sizeof.iommu_ioas_map_file.start");
    UNCHECKED("offsetof.iommu_ioas_map_file.length");
    UNCHECKED("sizeof.iommu_ioas_map_file.length");
    UNCHECKED("offsetof.iommu_ioas_map_file.iova");
    UNCHECKED("sizeof.iommu_ioas_map_file.iova");
#endif
#if defined(IOMMU_DESTROY)
    TYPE(iommu_ioas_unmap);
    FIELD(iommu_ioas_unmap, size);
    FIELD(iommu_ioas_unmap, ioas_id);
    FIELD(iommu_ioas_unmap, iova);
    FIELD(iommu_ioas_unmap, length);
#else
    UNCHECKED("sizeof.iommu_ioas_unmap");
    UNCHECKED("alignof.iommu_ioas_unmap");
    UNCHECKED("offsetof.iommu_ioas_unmap.size");
    UNCHECKED("sizeof.iommu_ioas_unmap.size");
    UNCHECKED("offsetof.iommu_ioas_unmap.ioas_id");
    UNCHECKED("sizeof.iommu_ioas_unmap.ioas_id");
    UNCHECKED("offsetof.iommu_ioas_unmap.iova");
    UNCHECKED("sizeof.iommu_ioas_unmap.iova");
    UNCHECKED("offsetof.iommu_ioas_unmap.length");
    UNCHECKED("sizeof.iommu_ioas_unmap.length");
#endif
#if defined(IOMMU_DESTROY)
    TYPE(iommu_option);
    FIELD(iommu_option, size);
    FIELD(iommu_option, option_id);
    FIELD(iommu_option, op);
    FIELD(iommu_option, __reserved);
    FIELD(iommu_option, object_id);
    FIELD(iommu_option, val64);
#else
    UNCHECKED("sizeof.iommu_option");
    UNCHECKED("alignof.iommu_option");
    UNCHECKED("offsetof.iommu_option.size");
    UNCHECKED("sizeof.iommu_option.size");
    UNCHECKED("offsetof.iommu_option.option_id");
    UNCHECKED("sizeof.iommu_option.option_id");
    UNCHECKED("offsetof.iommu_option.op");
    UNCHECKED("sizeof.iommu_option.op");
    UNCHECKED("offsetof.iommu_option.__reserved");
    UNCHECKED("sizeof.iommu_option.__reserved");
    UNCHECKED("offsetof.iommu_option.object_id");
    UNCHECKED("sizeof.iommu_option.object_id");
    UNCHECKED("offsetof.iommu_option.val64");
    UNCHECKED("sizeof.iommu_option.val64");
#endif
#if defined(IOMMU_DESTROY)
    TYPE(iommu_vfio_ioas);
    FIELD(iommu_vfio_ioas, size);
    FIELD(iommu_vfio_ioas, ioas_id);
    FIELD(iommu_vfio_ioas, op);
    FIELD(iommu_vfio_ioas, __reserved);
#else
    UNCHECKED("sizeof.iommu_vfio_ioas");
    UNCHECKED("alignof.iommu_vfio_ioas");
    UNCHECKED("offsetof.iommu_vfio_ioas.size");
    UNCHECKED("sizeof.iommu_vfio_ioas.size");
    UNCHECKED("offsetof.iommu_vfio_ioas.ioas_id");
    UNCHECKED("sizeof.iommu_vfio_ioas.ioas_id");
    UNCHECKED("offsetof.iommu_vfio_ioas.op");
    UNCHECKED("sizeof.iommu_vfio_ioas.op");
    UNCHECKED("offsetof.iommu_vfio_ioas.__reserved");
    UNCHECKED("sizeof.iommu_vfio_ioas.__reserved");
#endif
#if defined(IOMMU_FAULT_QUEUE_ALLOC)
    TYPE(iommu_hwpt_alloc);
    FIELD(iommu_hwpt_alloc, size);
    FIELD(iommu_hwpt_alloc, flags);
    FIELD(iommu_hwpt_alloc, dev_id);
    FIELD(iommu_hwpt_alloc, pt_id);
    FIELD(iommu_hwpt_alloc, out_hwpt_id);
    FIELD(iommu_hwpt_alloc, __reserved);
    FIELD(iommu_hwpt_alloc, data_type);
    FIELD(iommu_hwpt_alloc, data_len);
    FIELD(iommu_hwpt_alloc, data_uptr);
    FIELD(iommu_hwpt_alloc, fault_id);
    FIELD(iommu_hwpt_alloc, __reserved2);
#else
    UNCHECKED("sizeof.iommu_hwpt_alloc");
    UNCHECKED("alignof.iommu_hwpt_alloc");
    UNCHECKED("offsetof.iommu_hwpt_alloc.size");
    UNCHECKED("sizeof.iommu_hwpt_alloc.size");
    UNCHECKED("offsetof.iommu_hwpt_alloc.flags");
    UNCHECKED("sizeof.iommu_hwpt_alloc.flags");
    UNCHECKED("offsetof.iommu_hwpt_alloc.dev_id");
    UNCHECKED("sizeof.iommu_hwpt_alloc.dev_id");
    UNCHECKED("offsetof.iommu_hwpt_alloc.pt_id");
    UNCHECKED("sizeof.iommu_hwpt_alloc.pt_id");
    UNCHECKED("offsetof.iommu_hwpt_alloc.out_hwpt_id");
    UNCHECKED("sizeof.iommu_hwpt_alloc.out_hwpt_id");
    UNCHECKED("offsetof.iommu_hwpt_alloc.__reserved");
    UNCHECKED("sizeof.iommu_hwpt_alloc.__reserved");
    UNCHECKED("offsetof.iommu_hwpt_alloc.data_type");
    UNCHECKED("sizeof.iommu_hwpt_alloc.data_type");
    UNCHECKED("offsetof.iommu_hwpt_alloc.data_len");
    UNCHECKED("sizeof.iommu_hwpt_alloc.data_len");
    UNCHECKED("offsetof.iommu_hwpt_alloc.data_uptr");
    UNCHECKED("sizeof.iommu_hwpt_alloc.data_uptr");
    UNCHECKED("offsetof.iommu_hwpt_alloc.fault_id");
    UNCHECKED("sizeof.iommu_hwpt_alloc.fault_id");
    UNCHECKED("offsetof.iommu_hwpt_alloc.__reserved2");
    UNCHECKED("sizeof.iommu_hwpt_alloc.__reserved2");
#endif
#if defined(IOMMU_HW_QUEUE_ALLOC)
    TYPE(iommu_hw_info);
    FIELD(iommu_hw_info, size);
    FIELD(iommu_hw_info, flags);
    FIELD(iommu_hw_info, dev_id);
    FIELD(iommu_hw_info, data_len);
    FIELD(iommu_hw_info, data_uptr);
    FIELD(iommu_hw_info, in_data_type);
    FIELD(iommu_hw_info, out_data_type);
    FIELD(iommu_hw_info, out_max_pasid_log2);
    FIELD(iommu_hw_info, __reserved);
    FIELD(iommu_hw_info, out_capabilities);
#else
    UNCHECKED("sizeof.iommu_hw_info");
    UNCHECKED("alignof.iommu_hw_info");
    UNCHECKED("offsetof.iommu_hw_info.size");
    UNCHECKED("sizeof.iommu_hw_info.size");
    UNCHECKED("offsetof.iommu_hw_info.flags");
    UNCHECKED("sizeof.iommu_hw_info.flags");
    UNCHECKED("offsetof.iommu_hw_info.dev_id");
    UNCHECKED("sizeof.iommu_hw_info.dev_id");
    UNCHECKED("offsetof.iommu_hw_info.data_len");
    UNCHECKED("sizeof.iommu_hw_info.data_len");
    UNCHECKED("offsetof.iommu_hw_info.data_uptr");
    UNCHECKED("sizeof.iommu_hw_info.data_uptr");
    UNCHECKED("offsetof.iommu_hw_info.in_data_type");
    UNCHECKED("sizeof.iommu_hw_info.in_data_type");
    UNCHECKED("offsetof.iommu_hw_info.out_data_type");
    UNCHECKED("sizeof.iommu_hw_info.out_data_type");
    UNCHECKED("offsetof.iommu_hw_info.out_max_pasid_log2");
    UNCHECKED("sizeof.iommu_hw_info.out_max_pasid_log2");
    UNCHECKED("offsetof.iommu_hw_info.__reserved");
    UNCHECKED("sizeof.iommu_hw_info.__reserved");
    UNCHECKED("offsetof.iommu_hw_info.out_capabilities");
    UNCHECKED("sizeof.iommu_hw_info.out_capabilities");
#endif
    TYPE(vfio_group_status);
    FIELD(vfio_group_status, argsz);
    FIELD(vfio_group_status, flags);
#if defined(VFIO_DEVICE_INFO_CAP_PCI_ATOMIC_COMP)
    TYPE(vfio_device_info);
    FIELD(vfio_device_info, argsz);
    FIELD(vfio_device_info, flags);
    FIELD(vfio_device_info, num_regions);
    FIELD(vfio_device_info, num_irqs);
    FIELD(vfio_device_info, cap_offset);
    FIELD(vfio_device_info, pad);
#else
    UNCHECKED("sizeof.vfio_device_info");
    UNCHECKED("alignof.vfio_device_info");
    UNCHECKED("offsetof.vfio_device_info.argsz");
    UNCHECKED("sizeof.vfio_device_info.argsz");
    UNCHECKED("offsetof.vfio_device_info.flags");
    UNCHECKED("sizeof.vfio_device_info.flags");
    UNCHECKED("offsetof.vfio_device_info.num_regions");
    UNCHECKED("sizeof.vfio_device_info.num_regions");
    UNCHECKED("offsetof.vfio_device_info.num_irqs");
    UNCHECKED("sizeof.vfio_device_info.num_irqs");
    UNCHECKED("offsetof.vfio_device_info.cap_offset");
    UNCHECKED("sizeof.vfio_device_info.cap_offset");
    UNCHECKED("offsetof.vfio_device_info.pad");
    UNCHECKED("sizeof.vfio_device_info.pad");
#endif
    TYPE(vfio_region_info);
    FIELD(vfio_region_info, argsz);
    FIELD(vfio_region_info, flags);
    FIELD(vfio_region_info, index);
    FIELD(vfio_region_info, cap_offset);
    FIELD(vfio_region_info, size);
    FIELD(vfio_region_info, offset);
    TYPE(vfio_irq_set);
    FIELD(vfio_irq_set, argsz);
    FIELD(vfio_irq_set, flags);
    FIELD(vfio_irq_set, index);
    FIELD(vfio_irq_set, start);
    FIELD(vfio_irq_set, count);
    FLEXIBLE(vfio_irq_set, data);
#if defined(VFIO_DEVICE_BIND_FLAG_TOKEN)
    TYPE(vfio_device_bind_iommufd);
    FIELD(vfio_device_bind_iommufd, argsz);
    FIELD(vfio_device_bind_iommufd, flags);
    FIELD(vfio_device_bind_iommufd, iommufd);
    FIELD(vfio_device_bind_iommufd, out_devid);
    FIELD(vfio_device_bind_iommufd, token_uuid_ptr);
#else
    UNCHECKED("sizeof.vfio_device_bind_iommufd");
    UNCHECKED("alignof.vfio_device_bind_iommufd");
    UNCHECKED("offsetof.vfio_device_bind_iommufd.argsz");
    UNCHECKED("sizeof.vfio_device_bind_iommufd.argsz");
    UNCHECKED("offsetof.vfio_device_bind_iommufd.flags");
    UNCHECKED("sizeof.vfio_device_bind_iommufd.flags");
    UNCHECKED("offsetof.vfio_device_bind_iommufd.iommufd");
    UNCHECKED("sizeof.vfio_device_bind_iommufd.iommufd");
    UNCHECKED("offsetof.vfio_device_bind_iommufd.out_devid");
    UNCHECKED("sizeof.vfio_device_bind_iommufd.out_devid");
    UNCHECKED("offsetof.vfio_device_bind_iommufd.token_uuid_ptr");
    UNCHECKED("sizeof.vfio_device_bind_iommufd.token_uuid_ptr");
#endif
#if defined(VFIO_DEVICE_ATTACH_PASID)
    TYPE(vfio_device_attach_iommufd_pt);
    FIELD(vfio_device_attach_iommufd_pt, argsz);
    FIELD(vfio_device_attach_iommufd_pt, flags);
    FIELD(vfio_device_attach_iommufd_pt, pt_id);
    FIELD(vfio_device_attach_iommufd_pt, pasid);
#else
    UNCHECKED("sizeof.vfio_device_attach_iommufd_pt");
    UNCHECKED("alignof.vfio_device_attach_iommufd_pt");
    UNCHECKED("offsetof.vfio_device_attach_iommufd_pt.argsz");
    UNCHECKED("sizeof.vfio_device_attach_iommufd_pt.argsz");
    UNCHECKED("offsetof.vfio_device_attach_iommufd_pt.flags");
    UNCHECKED("sizeof.vfio_device_attach_iommufd_pt.flags");
    UNCHECKED("offsetof.vfio_device_attach_iommufd_pt.pt_id");
    UNCHECKED("sizeof.vfio_device_attach_iommufd_pt.pt_id");
    UNCHECKED("offsetof.vfio_device_attach_iommufd_pt.pasid");
    UNCHECKED("sizeof.vfio_device_attach_iommufd_pt.pasid");
#endif
#if defined(VFIO_DEVICE_DETACH_PASID)
    TYPE(vfio_device_detach_iommufd_pt);
    FIELD(vfio_device_detach_iommufd_pt, argsz);
    FIELD(vfio_device_detach_iommufd_pt, flags);
    FIELD(vfio_device_detach_iommufd_pt, pasid);
#else
    UNCHECKED("sizeof.vfio_device_detach_iommufd_pt");
    UNCHECKED("alignof.vfio_device_detach_iommufd_pt");
    UNCHECKED("offsetof.vfio_device_detach_iommufd_pt.argsz");
    UNCHECKED("sizeof.vfio_device_detach_iommufd_pt.argsz");
    UNCHECKED("offsetof.vfio_device_detach_iommufd_pt.flags");
    UNCHECKED("sizeof.vfio_device_detach_iommufd_pt.flags");
    UNCHECKED("offsetof.vfio_device_detach_iommufd_pt.pasid");
    UNCHECKED("sizeof.vfio_device_detach_iommufd_pt.pasid");
#endif
    TYPE(vfio_info_cap_header);
    FIELD(vfio_info_cap_header, id);
    FIELD(vfio_info_cap_header, version);
    FIELD(vfio_info_cap_header, next);
#if defined(VFIO_DEVICE_INFO_CAP_PCI_ATOMIC_COMP)
    TYPE(vfio_iommu_type1_info);
    FIELD(vfio_iommu_type1_info, argsz);
    FIELD(vfio_iommu_type1_info, flags);
    FIELD(vfio_iommu_type1_info, iova_pgsizes);
    FIELD(vfio_iommu_type1_info, cap_offset);
    FIELD(vfio_iommu_type1_info, pad);
#else
    UNCHECKED("sizeof.vfio_iommu_type1_info");
    UNCHECKED("alignof.vfio_iommu_type1_info");
    UNCHECKED("offsetof.vfio_iommu_type1_info.argsz");
    UNCHECKED("sizeof.vfio_iommu_type1_info.argsz");
    UNCHECKED("offsetof.vfio_iommu_type1_info.flags");
    UNCHECKED("sizeof.vfio_iommu_type1_info.flags");
    UNCHECKED("offsetof.vfio_iommu_type1_info.iova_pgsizes");
    UNCHECKED("sizeof.vfio_iommu_type1_info.iova_pgsizes");
    UNCHECKED("offsetof.vfio_iommu_type1_info.cap_offset");
    UNCHECKED("sizeof.vfio_iommu_type1_info.cap_offset");
    UNCHECKED("offsetof.vfio_iommu_type1_info.pad");
    UNCHECKED("sizeof.vfio_iommu_type1_info.pad");
#endif
    TYPE(vfio_iova_range);
    FIELD(vfio_iova_range, start);
    FIELD(vfio_iova_range, end);
    TYPE(vfio_iommu_type1_info_cap_iova_range);
    FIELD(vfio_iommu_type1_info_cap_iova_range, header);
    FIELD(vfio_iommu_type1_info_cap_iova_range, nr_iovas);
    FIELD(vfio_iommu_type1_info_cap_iova_range, reserved);
    FLEXIBLE(vfio_iommu_type1_info_cap_iova_range, iova_ranges);
    TYPE(vfio_iommu_type1_info_dma_avail);
    FIELD(vfio_iommu_type1_info_dma_avail, header);
    FIELD(vfio_iommu_type1_info_dma_avail, avail);
    TYPE(vfio_iommu_type1_dma_map);
    FIELD(vfio_iommu_type1_dma_map, argsz);
    FIELD(vfio_iommu_type1_dma_map, flags);
    FIELD(vfio_iommu_type1_dma_map, vaddr);
    FIELD(vfio_iommu_type1_dma_map, iova);
    FIELD(vfio_iommu_type1_dma_map, size);
    TYPE(vfio_iommu_type1_dma_unmap);
    FIELD(vfio_iommu_type1_dma_unmap, argsz);
    FIELD(vfio_iommu_type1_dma_unmap, flags);
    FIELD(vfio_iommu_type1_dma_unmap, iova);
    FIELD(vfio_iommu_type1_dma_unmap, size);
    FLEXIBLE(vfio_iommu_type1_dma_unmap, data);
}

int main(void)
{
    constants();
    structures();
    return 0;
}
