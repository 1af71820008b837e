/**
 * Runs a journal again.
 *
 * <p>What a record says was done is done once more by the same engine, on a host IOMMU that answers what the recorded one
 * answered; the records this makes are compared byte for byte with those in the journal. They carry each status and a digest
 * of all mappings, so the first record that differs is where things went another way. Nothing here touches hardware or a
 * guest. One thread; the journal is not trusted.
 */
@NullMarked
package org.pviommu.journal.replay;

import org.jspecify.annotations.NullMarked;
