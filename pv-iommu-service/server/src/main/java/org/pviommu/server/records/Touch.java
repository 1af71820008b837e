package org.pviommu.server.records;

import org.jspecify.annotations.Nullable;

/**
 * Something that was done to a bus frame, or to all of its address space.
 *
 * @param sequence of the record
 * @param time when, ISO 8601, UTC
 * @param operation which operation of the record, counted from 0; null when it is not one
 * @param what it was, in words
 * @param status its name; null when it is not an operation
 * @param by who asked, when it was not the guest; otherwise null
 */
public record Touch(
        long sequence,
        String time,
        @Nullable Integer operation,
        String what,
        @Nullable String status,
        @Nullable String by) {}
