/**
 * Programs that run inside the virtual machine of {@code system-tests/vm}, where there is an IOMMU, the kernel's driver for it, and a
 * device that does DMA. Only a main is started from outside; it reports by lines that the test on the host reads ({@link
 * org.pviommu.systemtests.vm.Cases}). One thread drives everything, except for {@link org.pviommu.systemtests.vm.KernelLog}'s reader.
 */
@NullMarked
package org.pviommu.systemtests.vm;

import org.jspecify.annotations.NullMarked;
