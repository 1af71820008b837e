/**
 * The other sides of the engine's ports, for tests here and in the rooms above: a host IOMMU that remembers what it was
 * asked, a log that keeps what it was told, guest memory without a file, and a guest that makes hypercalls.
 *
 * <p>Threads: nothing here is thread-safe unless it says so; the engine's own locks serialise what it calls.
 */
@NullMarked
package org.pviommu.engine.support;

import org.jspecify.annotations.NullMarked;
