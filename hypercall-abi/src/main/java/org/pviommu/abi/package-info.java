/**
 * The hypercall ABI as Java sees it: numbers, structure layouts and names, and nothing that acts on them.
 *
 * <p>The source of truth are the three C headers of this module: {@code xen/pv_iommu.h} (operations, structures, statuses),
 * {@code pvi_ring.h} (ring transport) and {@code pv_iommu_virtio.h} (virtio transport). A compiled C program prints every size, offset and constant of them, and a
 * test compares the whole list with these classes in both directions.
 *
 * <p>Everybody may call this package; it depends on nothing. All of it is constants and pure static methods, safe from
 * any thread. The accessors of structures read or write exactly one field and keep nothing: whoever reads memory that a
 * guest can write reads each field once and works on the copy.
 *
 * <p>Layout rule of the whole package: little-endian, naturally aligned, no implicit padding. A structure is named by a
 * segment and the offset of its first byte, which lies on an 8-byte boundary (native memory, or a segment over
 * {@code long[]}; a segment over {@code byte[]} is refused by the runtime).
 */
@NullMarked
package org.pviommu.abi;

import org.jspecify.annotations.NullMarked;
