package org.pviommu.host.kernel;

/**
 * How often the kernel was asked, since the backend was opened; each count is exact, though they are not read at one instant.
 *
 * @param maps requests that map, repeated ones included
 * @param unmaps requests that remove
 * @param selections requests that say which address space the removals of an iommufd are about; one each time it changes
 * @param attachments requests that attach or detach a device
 * @param refusals requests that the kernel refused
 * @param interrupted requests that a signal interrupted, each of which was repeated (at most 8 times in a row)
 * @param fruitless removals that succeeded and removed nothing: the engine's table and the kernel's differ
 * @param shortRemovals removals that removed less than was asked for
 * @param longRemovals removals that removed more
 * @param invalid requests that the kernel called invalid: a mistake of this program, which checks first
 * @param denied requests that the kernel did not permit: for the operator to look at
 * @param unknown answers that no documented rule covers
 */
public record KernelStatistics(
        long maps,
        long unmaps,
        long selections,
        long attachments,
        long refusals,
        long interrupted,
        long fruitless,
        long shortRemovals,
        long longRemovals,
        long invalid,
        long denied,
        long unknown) {}
