package org.pviommu.journal.record;

import org.pviommu.engine.OutsideEvents;

/**
 * Calls in a row that had one unusual answer from outside.
 *
 * @param kind who was asked
 * @param firstCall number of the first, counted from 0 within one call of the guest
 * @param calls how many
 * @param answer what was answered
 */
public record OutsideEvent(OutsideEvents.Kind kind, int firstCall, int calls, long answer) {}
