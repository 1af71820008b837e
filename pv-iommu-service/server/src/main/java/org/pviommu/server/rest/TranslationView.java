package org.pviommu.server.rest;

import io.micronaut.serde.annotation.Serdeable;

/**
 * What one bus address reaches.
 *
 * @param iova bus address, hex
 * @param bfn its bus frame, hex
 * @param mfn frame it reaches, hex
 * @param address byte address in the guest's memory, hex
 * @param access rw or r-
 */
@Serdeable
public record TranslationView(String iova, String bfn, String mfn, String address, String access) {}
