/* SPDX-License-Identifier: Apache-2.0 */
/* The one place that decides what a status means for the kernel. */
#include "driver.h"

/* doc:begin handle_status */
struct reaction {
    long status;
    enum action on[3]; /* map, unmap, address spaces and endpoints */
};

static const struct reaction reactions[] = {
    {IOMMU_STATUS_OK, {GO_ON, GO_ON, GO_ON}},
    {IOMMU_STATUS_EPERM, {LEAVE_OUT, REPORT, REPORT}},
    {IOMMU_STATUS_ENOENT, {REPORT, GO_ON, REPORT}},
    {IOMMU_STATUS_EIO, {BOUNCE, HOLD, BOUNCE}},
    {IOMMU_STATUS_ENXIO, {LEAVE_OUT, REPORT, REPORT}},
    {IOMMU_STATUS_ENOMEM, {BOUNCE, REPORT, BOUNCE}},
    {IOMMU_STATUS_EBUSY, {BOUNCE, KEEP, BOUNCE}},
    {IOMMU_STATUS_EINVAL, {REPORT, REPORT, REPORT}},
    {IOMMU_STATUS_ENOSPC, {BOUNCE, REPORT, BOUNCE}},
    {IOMMU_STATUS_ERANGE, {OTHER_BFN, REPORT, REPORT}},
    {IOMMU_STATUS_EADDRINUSE, {FLUSH_FIRST, REPORT, REPORT}},
    {IOMMU_STATUS_EADDRNOTAVAIL, {OTHER_BFN, REPORT, REPORT}},
};

/* A status of a later version, or an element that the call did not reach: nothing was done. */
static const enum action otherwise[3] = {BOUNCE, KEEP, BOUNCE};

enum action handle_status(enum work work, long status) {
    size_t i;

    for (i = 0; i < sizeof reactions / sizeof reactions[0]; i++)
        if (reactions[i].status == status) return reactions[i].on[work];
    return otherwise[work];
}
/* doc:end handle_status */
