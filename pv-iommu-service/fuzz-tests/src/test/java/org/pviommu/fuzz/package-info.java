/**
 * Coverage-guided fuzzing: what the targets have in common, the hypercall target, and the replay of the corpus as ordinary tests.
 * Targets that need a room's package-private classes lie in that room's package.
 *
 * <p>One thread; a target must do the same for the same bytes each time, or what was found cannot be seen again.
 */
@NullMarked
package org.pviommu.fuzz;

import org.jspecify.annotations.NullMarked;
