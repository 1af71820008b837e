@NullMarked
package org.pviommu.systemtests;

import org.jspecify.annotations.NullMarked;
