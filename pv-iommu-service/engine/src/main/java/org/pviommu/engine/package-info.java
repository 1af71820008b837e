/**
 * The translation engine: which bus frame of which address space reaches which frame of which guest.
 *
 * <p>Both frontends end here; the engine checks each operation, changes its table, gives finished runs to the host
 * IOMMU through {@link org.pviommu.engine.HostIommu}, flushes once, records, releases frames and only then answers
 * (docs/architecture.md, "The life of a batch").
 *
 * <p>Floor 1: knows the hypercall ABI and the native headers, no transport, no framework and no I/O of its own.
 *
 * <p>Threads: a guest has one lock, held for a batch, so each of its address spaces has one writer at a time; two guests
 * meet only where one granted frames to the other, and their locks are then taken in the order of their numbers.
 * Translations are read without a lock inside a {@link org.pviommu.engine.ReaderGate}.
 */
@NullMarked
package org.pviommu.engine;

import org.jspecify.annotations.NullMarked;
