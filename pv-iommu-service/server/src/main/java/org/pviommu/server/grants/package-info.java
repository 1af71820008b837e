/**
 * Grants between guests as the service allows them: whose frames a guest accepts, and how many grants it can have.
 *
 * <p>Used by the ring, for owners, and by REST, for the operator. Any thread.
 */
@NullMarked
package org.pviommu.server.grants;

import org.jspecify.annotations.NullMarked;
