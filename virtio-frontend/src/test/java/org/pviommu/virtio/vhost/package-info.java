/** Tests of vhost-user over real sockets, with a front-end written by hand that can do what none should. */
@NullMarked
package org.pviommu.virtio.vhost;

import org.jspecify.annotations.NullMarked;
