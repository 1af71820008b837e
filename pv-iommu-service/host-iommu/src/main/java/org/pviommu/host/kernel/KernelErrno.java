package org.pviommu.host.kernel;

import org.pviommu.natives.Errno;

/**
 * What an answer of the kernel means to the caller of the port: the one table, which docs/host-iommu.md explains. Results are 0 or
 * a count, or a negative errno.
 */
final class KernelErrno {
    /** Linux has no error number above this one. */
    private static final int MAX_ERRNO = 4095;

    private KernelErrno() {}

    /**
     * An answer of a call whose success is 0.
     *
     * @return 0; a negative errno that the port knows, as it is; -EIO for any other answer, a positive one included, so that
     *     nothing unknown ever passes for success (catalogue D17)
     */
    static int ofCall(int answer) {
        if (answer == 0) {
            return 0;
        }
        return answer > 0 || answer < -MAX_ERRNO ? -Errno.EIO : known(-answer);
    }

    private static int known(int errno) {
        return switch (errno) {
            case Errno.EPERM,
                    Errno.ENOENT,
                    Errno.ENOMEM,
                    Errno.EFAULT,
                    Errno.EBUSY,
                    Errno.EEXIST,
                    Errno.ENODEV,
                    Errno.EINVAL,
                    Errno.ENOSPC,
                    Errno.EOVERFLOW -> -errno;
            default -> -Errno.EIO;
        };
    }

    /** An answer of a removal: the port's EBUSY speaks about cuts, so the kernel's own is an error like any other. */
    static int ofRemoval(int answer) {
        int result = ofCall(answer);
        return result == -Errno.EBUSY || result == -Errno.ENOMEM ? -Errno.EIO : result;
    }
}
