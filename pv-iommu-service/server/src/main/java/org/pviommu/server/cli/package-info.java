/**
 * The commands of {@code pvi}: plain picocli over the REST API of a running service, found through its run directory.
 *
 * <p>Only {@code serve} starts the framework; everything else talks HTTP over loopback and is done in a blink. Exit codes:
 * 0 done, 1 refused by the service, 2 usage, 3 no service reachable. One command runs per process, in one thread.
 */
@NullMarked
package org.pviommu.server.cli;

import org.jspecify.annotations.NullMarked;
