/**
 * The PV-IOMMU service: puts the rooms together and is what people start.
 *
 * <p>{@code config} reads the operator's file, {@code run} owns the run directory, {@code ring} serves guests over shared
 * memory, {@code rest} is the HTTP side, {@code cli} the commands and {@code demo} the guided proof. This package holds
 * what they share: the {@link org.pviommu.server.Service} and the way addresses and ids are written.
 *
 * <p>Floor 3: may use every room below; only tests and benchmarks use it. Threads: a {@link org.pviommu.server.Service}
 * is started and closed by one thread and read by many.
 */
@NullMarked
package org.pviommu.server;

import org.jspecify.annotations.NullMarked;
