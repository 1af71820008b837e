/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The yardstick: what a C programmer would write for the bare table. Four levels of 512 entries, 4 KiB leaves, the leaf
 * used last is remembered, and each operation is checked (flags, aperture, frame, occupancy) as the engine checks it.
 *
 * Left out on both sides of the comparison: copying the batch out of guest memory, hold counts, the host IOMMU, the
 * flush, the record, locks, and freeing tables that become empty. Not thread-safe. Numbers and the entry format are the
 * engine's: status = negated Xen errno, entry = mfn << 12 | W << 1 | R.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define LEVELS 4
#define INDEX_BITS 9
#define ENTRIES (1u << INDEX_BITS)
#define TABLE_BYTES (ENTRIES * sizeof(uint64_t))
#define FRAME_SHIFT 12
#define LAST_MFN ((UINT64_C(1) << 40) - 1)
#define READABLE 1u
#define READ_WRITE 3u
#define NO_LEAF UINT64_MAX

enum { OK = 0, ENOENT_ = -2, ENXIO_ = -6, ENOMEM_ = -12, EINVAL_ = -22, ERANGE_ = -34, EADDRINUSE_ = -98 };

struct op {
    uint64_t bfn;
    uint64_t mfn;
    uint32_t flags;
    int32_t status;
};
_Static_assert(sizeof(struct op) == 24, "struct iommu_map_op");

struct radix {
    uint64_t *root;
    uint64_t last_bfn;
    uint64_t *leaf;     /* the leaf used last */
    uint64_t leaf_bfns; /* bfn >> INDEX_BITS of what it covers, or NO_LEAF */
};

static uint64_t *new_table(void)
{
    uint64_t *table = aligned_alloc(TABLE_BYTES, TABLE_BYTES);
    if (table)
        memset(table, 0, TABLE_BYTES);
    return table;
}

static void free_table(uint64_t *table, int level)
{
    for (unsigned i = 0; level > 0 && i < ENTRIES; i++)
        if (table[i])
            free_table((uint64_t *)(uintptr_t)table[i], level - 1);
    free(table);
}

static inline unsigned index_at(uint64_t bfn, int level)
{
    return (bfn >> (level * INDEX_BITS)) & (ENTRIES - 1);
}

/* The leaf of bfn; NULL when there is none, or with make when there is no memory for one. */
static __attribute__((noinline)) uint64_t *walk(const struct radix *radix, uint64_t bfn, int make)
{
    uint64_t *table = radix->root;
    for (int level = LEVELS - 1; level > 0; level--) {
        uint64_t *slot = &table[index_at(bfn, level)];
        if (!*slot) {
            uint64_t *made = make ? new_table() : NULL;
            if (!made)
                return NULL;
            *slot = (uintptr_t)made;
        }
        table = (uint64_t *)(uintptr_t)*slot;
    }
    return table;
}

/* The leaf of bfn by way of the one used last. */
static inline uint64_t *leaf_of(struct radix *radix, uint64_t bfn, int make)
{
    if (bfn >> INDEX_BITS == radix->leaf_bfns)
        return radix->leaf;
    uint64_t *leaf = walk(radix, bfn, make);
    if (leaf) {
        radix->leaf = leaf;
        radix->leaf_bfns = bfn >> INDEX_BITS;
    }
    return leaf;
}

static inline int32_t map_one(struct radix *radix, uint64_t bfn, uint64_t mfn, uint32_t flags)
{
    if (flags != READABLE && flags != READ_WRITE)
        return EINVAL_;
    if (bfn > radix->last_bfn)
        return ERANGE_;
    if (mfn > LAST_MFN)
        return ENXIO_;
    uint64_t *leaf = leaf_of(radix, bfn, 1);
    if (!leaf)
        return ENOMEM_;
    uint64_t *slot = &leaf[index_at(bfn, 0)];
    if (*slot)
        return EADDRINUSE_;
    *slot = mfn << FRAME_SHIFT | flags;
    return OK;
}

static inline int32_t unmap_one(struct radix *radix, uint64_t bfn)
{
    if (bfn > radix->last_bfn)
        return ERANGE_;
    uint64_t *leaf = leaf_of(radix, bfn, 0);
    if (!leaf)
        return ENOENT_;
    uint64_t *slot = &leaf[index_at(bfn, 0)];
    if (!*slot)
        return ENOENT_;
    *slot = 0;
    return OK;
}

/* Returns NULL without memory. */
struct radix *radix_new(uint64_t last_bfn)
{
    struct radix *radix = malloc(sizeof(*radix));
    if (!radix)
        return NULL;
    *radix = (struct radix){ .root = new_table(), .last_bfn = last_bfn, .leaf_bfns = NO_LEAF };
    if (!radix->root) {
        free(radix);
        return NULL;
    }
    return radix;
}

void radix_free(struct radix *radix)
{
    free_table(radix->root, LEVELS - 1);
    free(radix);
}

/*
 * The batches work on a copy of the table's head: its address does not escape, so the compiler knows that writing an
 * entry or a status does not change it, and keeps the remembered leaf in registers.
 */
void radix_map(struct radix *radix, struct op *ops, uint64_t n)
{
    struct radix local = *radix;
    for (struct op *op = ops; op != ops + n; op++)
        op->status = map_one(&local, op->bfn, op->mfn, op->flags);
    *radix = local;
}

void radix_unmap(struct radix *radix, struct op *ops, uint64_t n)
{
    struct radix local = *radix;
    for (struct op *op = ops; op != ops + n; op++)
        op->status = unmap_one(&local, op->bfn);
    *radix = local;
}

/* The entry of bfn, 0 when there is none. */
uint64_t radix_entry(struct radix *radix, uint64_t bfn)
{
    uint64_t *leaf = bfn > radix->last_bfn ? NULL : walk(radix, bfn, 0);
    return leaf ? leaf[index_at(bfn, 0)] : 0;
}
