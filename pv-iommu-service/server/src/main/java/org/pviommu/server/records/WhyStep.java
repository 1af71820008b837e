package org.pviommu.server.records;

import java.time.Instant;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.pviommu.abi.IommuStatus;
import org.pviommu.engine.RequestStatus;
import org.pviommu.journal.replay.Why;

/**
 * {@link Why.Step} as {@code pvi replay why} prints it: something that happened to a bus frame.
 *
 * @param sequence of the record
 * @param time when, ISO 8601, UTC
 * @param operation which operation of the record, counted from 0; null when it is none
 * @param what in words
 * @param status its name; null when it is no operation
 * @param by who asked, when it was not the guest; otherwise null
 */
public record WhyStep(
        long sequence,
        String time,
        @Nullable Integer operation,
        String what,
        @Nullable String status,
        @Nullable String by) {
    /** The same, with words and names for numbers. */
    public static WhyStep of(Why.Step step) {
        Integer status = step.status();
        return new WhyStep(
                step.sequence(),
                Instant.ofEpochMilli(step.timeMillis()).toString(),
                step.operation(),
                step.what(),
                status == null ? null : status > 0 ? RequestStatus.name(status) : IommuStatus.name(status),
                step.by().isEmpty() ? null : step.by());
    }

    /** The cells of a line for people; "-" where nothing can be said. */
    public List<String> row() {
        return List.of(
                Long.toString(sequence),
                time,
                operation == null ? "-" : operation.toString(),
                Objects.requireNonNullElse(status, "-"),
                Objects.requireNonNullElse(by, "-"),
                what);
    }
}
