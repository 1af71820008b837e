// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0
/* Calls from user space; whoever may make them may let any device reach any memory, hence the capability. */
#include <linux/capability.h>
#include <linux/err.h>
#include <linux/errno.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <xen/pv_iommu.h>

#include "pv_iommu_module.h"
#include "pv_iommu_node.h"

/* Bytes of one element of a sub-operation's array; -1 when that is not known, 0 when there is no array. */
static int element_bytes(u32 cmd)
{
	switch (IOMMUOP_CMD_SUBOP(cmd)) {
	case IOMMUOP_query_caps:
		return sizeof(struct iommu_caps);
	case IOMMUOP_map_page:
	case IOMMUOP_unmap_page:
	case IOMMUOP_lookup_page:
		return sizeof(struct iommu_map_op);
	case IOMMUOP_query_reserved:
		return sizeof(struct iommu_reserved_range);
	case IOMMUOP_map_range:
	case IOMMUOP_unmap_range:
		return sizeof(struct iommu_range_op);
	case IOMMUOP_alloc_context:
	case IOMMUOP_free_context:
		return sizeof(struct iommu_context_op);
	case IOMMUOP_attach_device:
		return sizeof(struct iommu_attach_op);
	case IOMMUOP_flush:
		return 0;
	case IOMMUOP_mixed:
		return sizeof(struct iommu_mixed_op);
	default:
		return -1;
	}
}

/* The program's array is copied: what the service reads, and it alone, cannot change meanwhile or go away. */
static int call_with_copy(struct pv_iommu_node_call *call, size_t bytes)
{
	void __user *array = u64_to_user_ptr(call->arg);
	void *copy = memdup_user(array, bytes);
	int error = 0;

	if (IS_ERR(copy))
		return PTR_ERR(copy);
	call->result = HYPERVISOR_iommu_op(call->cmd, copy, call->count);
	if (copy_to_user(array, copy, bytes))
		error = -EFAULT;
	kfree(copy);
	return error;
}

static int make_call(struct pv_iommu_node_call *call)
{
	int element = element_bytes(call->cmd);

	if (element < 0)
		return -EINVAL;
	if (call->count > PV_IOMMU_NODE_MAX_COUNT)
		return -E2BIG;
	/* At most 4096 elements of 40 bytes: no overflow. */
	if (element && call->count)
		return call_with_copy(call, (size_t)element * call->count);
	if (call->count)
		return -EINVAL;
	call->result = HYPERVISOR_iommu_op(call->cmd, NULL, 0);
	return 0;
}

static long node_ioctl(struct file *file, unsigned int request, unsigned long argument)
{
	struct pv_iommu_node_call __user *user = (void __user *)argument;
	struct pv_iommu_node_call call;
	int error;

	if (request != PV_IOMMU_NODE_CALL)
		return -ENOTTY;
	if (!capable(CAP_SYS_RAWIO))
		return -EPERM;
	if (copy_from_user(&call, user, sizeof(call)))
		return -EFAULT;
	error = make_call(&call);
	if (!error && put_user(call.result, &user->result))
		error = -EFAULT;
	return error;
}

static const struct file_operations operations = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = node_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.llseek = noop_llseek,
};

static struct miscdevice node = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "pv-iommu",
	.fops = &operations,
	.mode = 0600,
};

int node_create(void)
{
	return misc_register(&node);
}

void node_remove(void)
{
	misc_deregister(&node);
}
