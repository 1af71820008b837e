/**
 * Tests of several rooms together, and the tools they share: the naive reference model, the worlds it is compared in, the
 * mutants that prove the comparison can fail. Above everything; nothing depends on it.
 */
@NullMarked
package org.pviommu.systemtests;

import org.jspecify.annotations.NullMarked;
