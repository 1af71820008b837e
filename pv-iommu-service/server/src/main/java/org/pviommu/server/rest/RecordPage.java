package org.pviommu.server.rest;

import io.micronaut.serde.annotation.Serdeable;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.pviommu.server.records.RecordView;

/**
 * A part of the journal, in ascending order.
 *
 * @param records those that were wanted
 * @param next path of the next part; null at the end. A part may be empty and still have one
 */
@Serdeable
public record RecordPage(List<RecordView> records, @Nullable String next) {}
