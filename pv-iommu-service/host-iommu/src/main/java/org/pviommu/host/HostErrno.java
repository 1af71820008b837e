package org.pviommu.host;

/** The Linux error numbers that a backend answers with, positive; the port returns them negated. */
final class HostErrno {
    static final int EPERM = 1;
    static final int ENOENT = 2;
    static final int ENOMEM = 12;
    static final int EFAULT = 14;
    static final int EBUSY = 16;
    static final int EEXIST = 17;
    static final int ENODEV = 19;
    static final int EINVAL = 22;
    static final int ENOSPC = 28;
    static final int ERANGE = 34;
    static final int EOVERFLOW = 75;

    private HostErrno() {}
}
