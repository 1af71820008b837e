/**
 * The journal as the service uses it: logs for the guests of the engine, and what a new start finds.
 *
 * <p>The engine calls a guest's log under the guest's lock. Below are {@code store}, which keeps bytes and knows nothing of
 * what they mean, {@code record}, the form of the bytes, and {@code replay}, which runs them again.
 */
@NullMarked
package org.pviommu.journal;

import org.jspecify.annotations.NullMarked;
