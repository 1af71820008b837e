/** Tests of the virtio-iommu device on the wire, named by the device-side conformance checklist (C..) and the catalogue (B..). */
@NullMarked
package org.pviommu.virtio.iommu;

import org.jspecify.annotations.NullMarked;
