/**
 * What the engine costs, measured against a C table that is compiled and run beside it (docs/performance.md).
 *
 * <p>{@link org.pviommu.benchmarks.BenchMain} is the program; the {@code ...Benchmark} classes are JMH's. Nothing depends
 * on this package. One thread throughout.
 */
@NullMarked
package org.pviommu.benchmarks;

import org.jspecify.annotations.NullMarked;
