/** Tests of the wrappers, all with the real kernel. */
@NullMarked
package org.pviommu.natives;

import org.jspecify.annotations.NullMarked;
