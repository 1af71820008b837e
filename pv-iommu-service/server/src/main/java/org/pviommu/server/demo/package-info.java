/**
 * The guided proof behind {@code pvi demo}: a service as a process of its own, a guest written in C as another, a
 * simulated device driven over REST, and checks that compare what each of them says.
 *
 * <p>It knows the service only from outside and is never told which fault was planted. One thread drives everything;
 * every process it starts is ended by its handle, also on Ctrl-C.
 */
@NullMarked
package org.pviommu.server.demo;

import org.jspecify.annotations.NullMarked;
