/* SPDX-License-Identifier: Apache-2.0 */
/* What jextract reads to generate org.pviommu.natives.iommu: the kernel's headers, nothing of our own. */
#include <linux/iommufd.h>
#include <linux/vfio.h>
