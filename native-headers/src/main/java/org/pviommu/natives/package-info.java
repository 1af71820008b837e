@NullMarked
package org.pviommu.natives;

import org.jspecify.annotations.NullMarked;
