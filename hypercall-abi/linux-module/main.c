// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0
/* The driver of the virtio device: transport, node and, if wanted, the 1:1 mapping of all memory. */
#include <linux/atomic.h>
#include <linux/errno.h>
#include <linux/limits.h>
#include <linux/module.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>

#include <pv_iommu_virtio.h>

#include "pv_iommu_module.h"

static bool premap;
module_param(premap, bool, 0444);
MODULE_PARM_DESC(premap, "map all memory 1:1 (bfn = pfn) when the device is found, and remove that when the module goes");

static unsigned long leave_out = ULONG_MAX;
module_param(leave_out, ulong, 0444);
MODULE_PARM_DESC(leave_out, "the pfn of one page that premap does not map, for tests");

static atomic_t taken = ATOMIC_INIT(0);

static int set_up(struct virtio_device *device)
{
	int error = transport_start(device);

	if (error)
		return error;
	error = premap ? premap_all(leave_out) : 0;
	if (!error)
		error = node_create();
	if (error) {
		premap_undo();
		transport_stop();
	}
	return error;
}

static int pv_iommu_probe(struct virtio_device *device)
{
	int error;

	if (!virtio_has_feature(device, VIRTIO_F_VERSION_1))
		return -EINVAL;
	if (atomic_cmpxchg(&taken, 0, 1) != 0) {
		dev_err(&device->dev, "a second device is not used\n");
		return -EBUSY;
	}
	error = set_up(device);
	if (error)
		atomic_set(&taken, 0);
	return error;
}

static void pv_iommu_remove(struct virtio_device *device)
{
	node_remove();
	premap_undo();
	transport_stop();
	atomic_set(&taken, 0);
}

static const struct virtio_device_id ids[] = {
	{ PV_IOMMU_VIRTIO_ID, VIRTIO_DEV_ANY_ID },
	{ 0 },
};
MODULE_DEVICE_TABLE(virtio, ids);

static struct virtio_driver pv_iommu_driver = {
	.driver.name = KBUILD_MODNAME,
	.id_table = ids,
	.probe = pv_iommu_probe,
	.remove = pv_iommu_remove,
};
module_virtio_driver(pv_iommu_driver);

MODULE_DESCRIPTION("PV-IOMMU hypercalls over virtio");
MODULE_LICENSE("Dual BSD/GPL");
