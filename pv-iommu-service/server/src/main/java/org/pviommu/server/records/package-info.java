/**
 * Records of the journal as the service shows them: which ones somebody wants, and one form of them for REST, events and the
 * command line.
 *
 * <p>Values without state; any thread. The commands that read a journal use this without the framework.
 */
@NullMarked
package org.pviommu.server.records;

import org.jspecify.annotations.NullMarked;
