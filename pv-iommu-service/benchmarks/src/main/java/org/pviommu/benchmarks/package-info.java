@NullMarked
package org.pviommu.benchmarks;

import org.jspecify.annotations.NullMarked;
