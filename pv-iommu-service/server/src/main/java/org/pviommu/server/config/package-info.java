/**
 * What the operator asked for: the configuration file, checked to the last key, as immutable records.
 *
 * <p>Mistakes in it are the operator's and end the start with a {@link org.pviommu.server.config.ConfigException} that
 * names the key, the value and what would be right. Called once at start; everything here is immutable afterwards.
 */
@NullMarked
package org.pviommu.server.config;

import org.jspecify.annotations.NullMarked;
