/** Tests of the kernel's backends with a model in the kernel's place; what needs a kernel runs in a virtual machine. */
@NullMarked
package org.pviommu.host.kernel;

import org.jspecify.annotations.NullMarked;
