/**
 * The engine on the simulated host IOMMU against a deliberately naive model, with an adversary that fills the IOTLB and a
 * host that refuses at random.
 *
 * <p>{@link org.pviommu.systemtests.differential.DifferentialRun} runs any number of operations from any seed; one seed
 * repeats a run exactly. Single-threaded.
 */
@NullMarked
package org.pviommu.systemtests.differential;

import org.jspecify.annotations.NullMarked;
