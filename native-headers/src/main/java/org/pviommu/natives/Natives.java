package org.pviommu.natives;

import org.pviommu.natives.libc.LibC;

/** What the process is. None of these calls can fail; any thread may make them. */
public final class Natives {

    private Natives() {}

    /** This process's number. */
    public static int pid() {
        return LibC.getpid();
    }

    /** The real user id this process runs as. */
    public static int uid() {
        return LibC.getuid();
    }

    /** The real group id this process runs as. */
    public static int gid() {
        return LibC.getgid();
    }
}
