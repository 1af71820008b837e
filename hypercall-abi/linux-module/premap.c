// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0
/*
 * Draft A: Dom0 maps all its memory with bfn = frame number once, at boot, so
 * that drivers that know nothing of this keep working. In batches: one call
 * and one flush for many pages, and the processor is not held for long.
 */
#include <linux/errno.h>
#include <linux/ioport.h>
#include <linux/limits.h>
#include <linux/pfn.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include <xen/pv_iommu.h>

#include "pv_iommu_module.h"

/* 24 bytes each: the array is 24 KiB, in one piece. */
#define BATCH 1024

struct premap {
	struct iommu_map_op *ops;
	unsigned int count;
	u64 leave_out;
	unsigned long mapped; /* pages that are */
	unsigned long failed; /* pages that could not be mapped, or not be removed */
	unsigned int cmd;
};

/* What there is to undo; the device's probe and remove are not concurrent. */
static unsigned long mapped_pages;
static u64 left_out;

/* Statuses decide, page by page: a call that ended early has written those that it reached. */
static int submit(struct premap *map)
{
	unsigned int count = map->count, i;
	long result;

	if (!count)
		return 0;
	map->count = 0;
	result = HYPERVISOR_iommu_op(map->cmd, map->ops, count);
	for (i = 0; i < count; i++) {
		if (map->ops[i].status == IOMMU_STATUS_OK) {
			map->mapped++;
			continue;
		}
		if (!map->failed++)
			pr_err(KBUILD_MODNAME ": bfn 0x%llx: status %d\n",
			       (unsigned long long)map->ops[i].bfn, map->ops[i].status);
	}
	cond_resched();
	if (!result)
		return 0;
	pr_err(KBUILD_MODNAME ": call 0x%x of %u pages: %ld\n", map->cmd, count, result);
	return -EIO;
}

static int add(struct premap *map, u64 pfn)
{
	if (pfn == map->leave_out)
		return 0;
	map->ops[map->count++] = (struct iommu_map_op){
		.bfn = pfn,
		.mfn = pfn,
		.flags = IOMMU_MAP_OP_readable | IOMMU_MAP_OP_writeable,
		.status = 1, /* no status has this value: the call did not get here */
	};
	return map->count == BATCH ? submit(map) : 0;
}

/* Only whole pages: what shares a page with something else is no memory for drivers. */
static int add_ram(struct resource *ram, void *context)
{
	u64 pfn = PFN_UP(ram->start), end = PFN_DOWN(ram->end + 1);

	for (; pfn < end; pfn++) {
		int error = add(context, pfn);

		if (error)
			return error;
	}
	return 0;
}

/* Stops at the first call that fails; a page that fails does not stop it. */
static int each_page(struct premap *map)
{
	int error;

	map->ops = kcalloc(BATCH, sizeof(*map->ops), GFP_KERNEL);
	if (!map->ops)
		return -ENOMEM;
	error = walk_iomem_res_desc(IORES_DESC_NONE, IORESOURCE_SYSTEM_RAM | IORESOURCE_BUSY, 0, -1, map, add_ram);
	if (!error)
		error = submit(map);
	kfree(map->ops);
	return error;
}

int premap_all(unsigned long leave_out_pfn)
{
	struct premap map = { .leave_out = leave_out_pfn, .cmd = IOMMUOP_map_page };
	int error = each_page(&map);

	mapped_pages = map.mapped;
	left_out = map.leave_out;
	pr_info(KBUILD_MODNAME ": premap: %lu pages mapped, %lu refused%s\n", map.mapped, map.failed,
		error ? ", not complete" : "");
	if (!error && map.failed)
		error = -EIO;
	return error;
}

/*
 * Pages that were refused are asked to be removed as well, and answer that
 * they are not mapped: harmless, and nothing has to be kept about each page.
 */
void premap_undo(void)
{
	struct premap map = { .leave_out = left_out, .cmd = IOMMUOP_unmap_page };
	int error;

	if (!mapped_pages)
		return;
	error = each_page(&map);
	if (error || map.mapped != mapped_pages)
		pr_err(KBUILD_MODNAME ": premap: %lu of %lu pages removed, error %d\n", map.mapped, mapped_pages, error);
	else
		pr_info(KBUILD_MODNAME ": premap: %lu pages removed\n", map.mapped);
	mapped_pages = 0;
}
