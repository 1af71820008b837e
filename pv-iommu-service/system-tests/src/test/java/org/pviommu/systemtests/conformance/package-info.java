/** Whether what the documents say about conformance is what the tests say. Only called by JUnit; one thread. */
@NullMarked
package org.pviommu.systemtests.conformance;

import org.jspecify.annotations.NullMarked;
