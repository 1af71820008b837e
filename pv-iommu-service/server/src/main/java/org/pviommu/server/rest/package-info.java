/**
 * The HTTP side: REST under {@code /api/v1}, health, the page at {@code /}, and the rules every request meets first.
 *
 * <p>Addresses, frame numbers and data are hex strings, because JSON numbers are only exact to 53 bits; counts are JSON
 * numbers. Ranges are inclusive {@code [first, last]}. Every error is an RFC 9457 problem (docs/rest-api.md). GET has no
 * effect. Everything from the network is the client's fault until proved otherwise and is checked here, before the
 * engine sees it.
 *
 * <p>Threads: controllers run on blocking worker threads, many at a time, and keep no state. Only Micronaut calls in.
 */
@NullMarked
package org.pviommu.server.rest;

import org.jspecify.annotations.NullMarked;
