/**
 * Bindings of the C library: constants, functions and structures, in the shape that jextract generates.
 *
 * <p>Only {@link org.pviommu.natives} is meant to call in; everybody else uses the owning wrappers there. The classes keep no
 * state, so any thread may use them. A build with the profile {@code jextract} replaces this package as a whole.
 */
@NullMarked
package org.pviommu.natives.libc;

import org.jspecify.annotations.NullMarked;
