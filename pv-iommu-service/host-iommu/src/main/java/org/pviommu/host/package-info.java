@NullMarked
package org.pviommu.host;

import org.jspecify.annotations.NullMarked;
