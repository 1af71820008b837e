/**
 * The run directory: lock, token, pid and ready files of one running service, and how a client finds them.
 *
 * <p>The directory is 0700, so whoever can open a file in it is the operator; that is the trust boundary of the Unix
 * socket and of the token. Called by the start of the service and by the CLI.
 */
@NullMarked
package org.pviommu.server.run;

import org.jspecify.annotations.NullMarked;
