package org.pviommu.server.rest;

import io.micronaut.serde.annotation.Serdeable;
import java.util.List;

/**
 * All address spaces, by guest and context.
 *
 * @param addressSpaces the address spaces
 */
@Serdeable
public record AddressSpaceList(List<AddressSpaceView> addressSpaces) {}
