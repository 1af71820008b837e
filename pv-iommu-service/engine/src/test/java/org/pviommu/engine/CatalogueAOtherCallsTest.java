package org.pviommu.engine;

/** x. */
class CatalogueAOtherCallsTest {}
