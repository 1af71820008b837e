/**
 * What the records of the journal say: their form in bytes, and as values for those who read them.
 *
 * <p>Encoding happens under a guest's lock, in a buffer that belongs to the guest, and allocates nothing. Decoding trusts
 * nothing: a journal may come from anywhere, so each number is checked before it is used and everything wrong ends in a
 * {@link org.pviommu.journal.record.BadRecordException}.
 */
@NullMarked
package org.pviommu.journal.record;

import org.jspecify.annotations.NullMarked;
