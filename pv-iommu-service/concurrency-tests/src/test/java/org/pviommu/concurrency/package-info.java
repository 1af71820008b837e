/**
 * Tests that need threads that really run at the same time: jcstress tests of what is shared without a lock, and a guest that
 * rewrites its memory while its calls run. Tests that need a room's package-private classes lie in that room's package.
 *
 * <p>Each test says how its threads share things.
 */
@NullMarked
package org.pviommu.concurrency;

import org.jspecify.annotations.NullMarked;
