package org.pviommu.natives;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import org.pviommu.natives.libc.LibC;
import org.pviommu.natives.libc.cmsghdr;
import org.pviommu.natives.libc.iovec;
import org.pviommu.natives.libc.msghdr;

/**
 * One packet and its control data, as sendmsg(2) and recvmsg(2) want them, all in memory of one arena. The structures point to
 * each other by address, which Java cannot follow; keeping them in one arena is what keeps them alive together.
 *
 * <p>One thread uses it, for one call.
 */
final class Packet {

    /** Descriptors in one message: SCM_MAX_FD of the kernel, which no user-space header has. */
    static final int MAX_FDS = 253;

    private static final long CMSG_HEADER_BYTES = cmsghdr.layout().byteSize();
    private static final long FD_BYTES = Integer.BYTES;

    private final MemorySegment payload;
    private final MemorySegment control;
    private final MemorySegment header;

    /**
     * @param maxFds the control buffer holds exactly so many descriptors; the kernel never installs the ones beyond it
     */
    Packet(Arena arena, long lengthBytes, int maxFds) {
        payload = arena.allocate(lengthBytes);
        control = maxFds == 0
                ? MemorySegment.NULL
                : arena.allocate(
                        CMSG_HEADER_BYTES + maxFds * FD_BYTES, cmsghdr.layout().byteAlignment());
        MemorySegment vector = iovec.allocate(arena);
        iovec.iov_base(vector, payload);
        iovec.iov_len(vector, lengthBytes);
        header = msghdr.allocate(arena);
        msghdr.msg_iov(header, vector);
        msghdr.msg_iovlen(header, 1);
        msghdr.msg_control(header, control);
        msghdr.msg_controllen(header, control.byteSize());
    }

    MemorySegment payload() {
        return payload;
    }

    /** The structure that the calls take. */
    MemorySegment header() {
        return header;
    }

    /** Whether bytes or control data, descriptors among them, did not fit and were dropped. */
    boolean truncated() {
        return (msghdr.msg_flags(header) & (LibC.MSG_TRUNC() | LibC.MSG_CTRUNC())) != 0;
    }

    /** Writes the descriptors to send; the control buffer was made for exactly so many. */
    void putDescriptors(List<Integer> numbers) {
        if (numbers.isEmpty()) {
            return;
        }
        cmsghdr.cmsg_len(control, control.byteSize());
        cmsghdr.cmsg_level(control, LibC.SOL_SOCKET());
        cmsghdr.cmsg_type(control, LibC.SCM_RIGHTS());
        for (int i = 0; i < numbers.size(); i++) {
            control.set(ValueLayout.JAVA_INT, CMSG_HEADER_BYTES + i * FD_BYTES, numbers.get(i));
        }
    }

    /**
     * Takes ownership of every descriptor that arrived; call it once. The kernel wrote the control data, and still the walk trusts
     * no length beyond what it reported to have written.
     */
    List<FileDescriptor> takeDescriptors() {
        List<FileDescriptor> taken = new ArrayList<>();
        long end = Math.min(msghdr.msg_controllen(header), control.byteSize());
        long at = 0;
        while (at >= 0 && at <= end - CMSG_HEADER_BYTES) {
            MemorySegment entry = control.asSlice(at);
            long lengthBytes = cmsghdr.cmsg_len(entry);
            if (lengthBytes < CMSG_HEADER_BYTES || lengthBytes > end - at) {
                break;
            }
            takeFrom(entry, lengthBytes, taken);
            // CMSG_ALIGN: entries start at multiples of 8. No overflow: lengthBytes <= end, a few KiB.
            at += (lengthBytes + Long.BYTES - 1) & -Long.BYTES;
        }
        return taken;
    }

    private static void takeFrom(MemorySegment entry, long lengthBytes, List<FileDescriptor> taken) {
        if (cmsghdr.cmsg_level(entry) != LibC.SOL_SOCKET() || cmsghdr.cmsg_type(entry) != LibC.SCM_RIGHTS()) {
            return;
        }
        for (long at = CMSG_HEADER_BYTES; at <= lengthBytes - FD_BYTES; at += FD_BYTES) {
            taken.add(FileDescriptor.adopt(entry.get(ValueLayout.JAVA_INT, at)));
        }
    }
}
