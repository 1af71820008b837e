/**
 * The translation engine: which bus frame of which address space reaches which frame of which guest.
 *
 * <p>Both frontends end here; the engine checks each operation, changes its table, gives finished runs to the host
 * IOMMU through {@link org.pviommu.engine.HostIommu}, flushes once, records, releases frames and only then answers
 * (docs/architecture.md, "The life of a batch").
 *
 * <p>Floor 1: knows the hypercall ABI and the native headers, no transport, no framework and no I/O of its own.
 *
 * <p>Threads: an address space has one writer at a time (its lock, taken per batch), a guest's frame counts are changed
 * under the guest's lock; translations are read without a lock inside a {@link org.pviommu.engine.ReaderGate}. Locks
 * are taken in the order address space, then guest.
 */
@NullMarked
package org.pviommu.engine;

import org.jspecify.annotations.NullMarked;
