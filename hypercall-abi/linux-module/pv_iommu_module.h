/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0 */
/* The parts of the module, to each other. */

#ifndef PV_IOMMU_MODULE_H
#define PV_IOMMU_MODULE_H

#include <linux/types.h>
#include <linux/virtio.h>

#include "pv_iommu_call.h"

/* transport.c: one device serves the whole kernel. */
int transport_start(struct virtio_device *device);
void transport_stop(void);

/* node.c: /dev/pv-iommu. */
int node_create(void);
void node_remove(void);

/* premap.c: a negative error code, or 0. What is mapped is remembered, and only that is removed. */
int premap_all(unsigned long leave_out_pfn);
void premap_undo(void);

#endif /* PV_IOMMU_MODULE_H */
