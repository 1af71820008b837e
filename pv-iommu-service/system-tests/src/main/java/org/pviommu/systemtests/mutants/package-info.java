/**
 * Bugs seeded on purpose: each changes a line of the engine, and the ordinary tests must notice.
 *
 * <p>A mutant is a text of the source and its replacement, so that nothing in the shipped code knows of it; the text must be
 * found exactly once, so a mutant cannot silently stop changing anything.
 */
@NullMarked
package org.pviommu.systemtests.mutants;

import org.jspecify.annotations.NullMarked;
