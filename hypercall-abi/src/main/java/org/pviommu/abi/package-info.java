@NullMarked
package org.pviommu.abi;

import org.jspecify.annotations.NullMarked;
