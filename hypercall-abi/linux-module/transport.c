// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0
/*
 * Calls over virtio: one at a time, as the caller waits anyway and the service
 * takes each guest's calls one after another.
 */
#include <linux/errno.h>
#include <linux/export.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/virtio_config.h>

#include <pv_iommu_virtio.h>
#include <xen/pv_iommu.h>

#include "pv_iommu_module.h"

/* As the device sees it; two cache lines, so that its write does not touch what it reads. */
struct exchange {
	struct {
		__le32 cmd;
		__le32 count;
		__le64 arg;
	} call ____cacheline_aligned;
	struct {
		__le64 result;
	} back ____cacheline_aligned;
};

static_assert(sizeof_field(struct exchange, call) >= sizeof(struct pv_iommu_virtio_call));

static DEFINE_SPINLOCK(lock); /* of all below */
static struct virtqueue *calls;
static struct exchange *exchange;

/* The device's answer is untrusted: only a whole return counts. */
static long await_return(void)
{
	unsigned int length;
	void *token;

	virtqueue_kick(calls);
	while (!(token = virtqueue_get_buf(calls, &length))) {
		if (virtqueue_is_broken(calls))
			return IOMMU_STATUS_EIO;
		cpu_relax();
	}
	if (length != sizeof(struct pv_iommu_virtio_return))
		return IOMMU_STATUS_EIO;
	return (long)(s64)le64_to_cpu(exchange->back.result);
}

static long call_locked(unsigned int cmd, phys_addr_t arg, unsigned int count)
{
	struct scatterlist out, in;
	struct scatterlist *both[] = { &out, &in };

	if (!calls)
		return IOMMU_STATUS_ENOSYS;
	if (virtqueue_is_broken(calls))
		return IOMMU_STATUS_EIO;
	exchange->call.cmd = cpu_to_le32(cmd);
	exchange->call.count = cpu_to_le32(count);
	exchange->call.arg = cpu_to_le64(arg);
	sg_init_one(&out, &exchange->call, sizeof(struct pv_iommu_virtio_call));
	sg_init_one(&in, &exchange->back, sizeof(struct pv_iommu_virtio_return));
	if (virtqueue_add_sgs(calls, both, 1, 1, exchange, GFP_ATOMIC))
		return IOMMU_STATUS_EIO;
	return await_return();
}

long HYPERVISOR_iommu_op(unsigned int cmd, void *arg, unsigned int count)
{
	unsigned long flags;
	long result;

	/* The service is told one physical address, which has to hold for the whole array. */
	if (arg ? !virt_addr_valid(arg) : count != 0)
		return IOMMU_STATUS_EFAULT;
	spin_lock_irqsave(&lock, flags);
	result = call_locked(cmd, arg ? virt_to_phys(arg) : 0, count);
	spin_unlock_irqrestore(&lock, flags);
	return result;
}
EXPORT_SYMBOL_GPL(HYPERVISOR_iommu_op);

int transport_start(struct virtio_device *device)
{
	struct virtqueue_info wanted[PV_IOMMU_VIRTIO_QUEUES] = {
		[PV_IOMMU_VIRTIO_QUEUE_CALLS] = { .name = "calls" },
		[PV_IOMMU_VIRTIO_QUEUE_EVENTS] = { .name = "events" },
	};
	struct virtqueue *queues[PV_IOMMU_VIRTIO_QUEUES];
	struct exchange *memory;
	unsigned long flags;
	int error;

	memory = kzalloc(sizeof(*memory), GFP_KERNEL);
	if (!memory)
		return -ENOMEM;
	error = virtio_find_vqs(device, PV_IOMMU_VIRTIO_QUEUES, queues, wanted, NULL);
	if (error) {
		kfree(memory);
		return error;
	}
	virtio_device_ready(device);
	/* Whoever calls looks for the answer itself. */
	virtqueue_disable_cb(queues[PV_IOMMU_VIRTIO_QUEUE_CALLS]);
	spin_lock_irqsave(&lock, flags);
	exchange = memory;
	calls = queues[PV_IOMMU_VIRTIO_QUEUE_CALLS];
	spin_unlock_irqrestore(&lock, flags);
	return 0;
}

/* Behind the lock nobody waits for an answer any more; the memory goes when the device cannot reach it. */
void transport_stop(void)
{
	struct virtio_device *device = NULL;
	struct exchange *memory;
	unsigned long flags;

	spin_lock_irqsave(&lock, flags);
	if (calls)
		device = calls->vdev;
	memory = exchange;
	calls = NULL;
	exchange = NULL;
	spin_unlock_irqrestore(&lock, flags);
	if (!device)
		return;
	virtio_reset_device(device);
	device->config->del_vqs(device);
	kfree(memory);
}
