/** Comparison of the bindings with the system's headers and with jextract's inputs. */
@NullMarked
package org.pviommu.natives.libc;

import org.jspecify.annotations.NullMarked;
