/**
 * Tests of the whole service from outside: the real process, started as {@code pvi serve} starts it, the example guest in
 * C, and clients that break the contract. Nothing here looks into the service except through what it offers and what
 * the kernel says about its process.
 *
 * <p>Deadlines only guard against hanging; no test depends on how fast the machine is.
 */
@NullMarked
package org.pviommu.systemtests.service;

import org.jspecify.annotations.NullMarked;
