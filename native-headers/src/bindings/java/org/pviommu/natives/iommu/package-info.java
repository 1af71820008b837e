/**
 * Bindings of the kernel's interfaces to the IOMMU, {@code linux/iommufd.h} and {@code linux/vfio.h}: constants and structures, in the
 * shape that jextract generates.
 *
 * <p>The host IOMMU backends fill the structures in and hand them to {@link org.pviommu.natives.DeviceFile}. The classes keep no
 * state, so any thread may use them. A build with the profile {@code jextract} replaces this package as a whole.
 */
@NullMarked
package org.pviommu.natives.iommu;

import org.jspecify.annotations.NullMarked;
