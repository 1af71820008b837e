/**
 * What needs a kernel with an IOMMU, and a device that does DMA: scenarios in virtual machines, in the Maven profile {@code vm} only.
 * docs/testing.md tells what a machine needs for them. One thread.
 */
@NullMarked
package org.pviommu.systemtests.vm;

import org.jspecify.annotations.NullMarked;
