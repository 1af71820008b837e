@NullMarked
package org.pviommu.engine;

import org.jspecify.annotations.NullMarked;
