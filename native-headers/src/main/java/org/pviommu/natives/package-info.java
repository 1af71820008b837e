/**
 * Owning wrappers over the Linux calls that the service needs: descriptors, event counters, shared and private memory, Unix
 * sockets, readiness.
 *
 * <p>Every module may call in. A wrapper owns one kernel object, closes it exactly once, and answers use after close with
 * {@link java.lang.IllegalStateException}. A refused call is a {@link org.pviommu.natives.NativeException} that names the
 * call, its arguments and the errno; an argument that this package refuses by itself is an
 * {@link java.lang.IllegalArgumentException}.
 *
 * <p>Threads: each class says what may run concurrently. Closing is always safe: the descriptor's number is given back to the
 * kernel only after the last call that uses it has returned, so no call ever reaches a descriptor that somebody else got
 * meanwhile.
 */
@NullMarked
package org.pviommu.natives;

import org.jspecify.annotations.NullMarked;
