/**
 * The journal's store: appends are acknowledged in a ring in shared memory that outlives the process, one thread moves them on
 * to Chronicle Queue files, and readers check what Chronicle does not: order, completeness, and every byte.
 *
 * <p>A record is a sequence number (dense, the first is 1), a time, a kind and a payload; what they mean is none of the store's
 * business. The rooms above call {@link org.pviommu.journal.store.JournalStore} to write, {@link
 * org.pviommu.journal.store.JournalReader} to read and {@link org.pviommu.journal.store.JournalVerifier} to check.
 *
 * <p>Promise: what {@code append} has returned for survives the death of the process. What survives the loss of power is what
 * {@link org.pviommu.journal.store.JournalStore#syncedSequence()} has reached.
 *
 * <p>Threads: any thread may reserve and append, none of them touches a disk. One writer thread owns the queue and all files of
 * the journal's directory; readers have their own descriptors and only read.
 */
@NullMarked
package org.pviommu.journal.store;

import org.jspecify.annotations.NullMarked;
