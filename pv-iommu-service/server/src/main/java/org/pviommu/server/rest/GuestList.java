package org.pviommu.server.rest;

import io.micronaut.serde.annotation.Serdeable;
import java.util.List;

/**
 * All guests that are connected, by id.
 *
 * @param guests the guests
 */
@Serdeable
public record GuestList(List<GuestView> guests) {}
