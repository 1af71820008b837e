@NullMarked
package org.pviommu.server;

import org.jspecify.annotations.NullMarked;
