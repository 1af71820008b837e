package org.pviommu.host.kernel;

import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.LongAdder;
import org.pviommu.natives.Errno;

/**
 * Asks the kernel, counts, and repeats what a signal interrupted. Any thread; a call that succeeds allocates nothing.
 *
 * <p>A call that a signal interrupted has changed nothing, so repeating it applies nothing twice (catalogue D06).
 */
final class KernelCalls {
    /** Signals do not arrive that often; more of them in a row are an error and not a reason to wait. */
    static final int MAX_REPEATS = 8;

    private static final Logger LOG = System.getLogger(KernelCalls.class.getName());

    final LongAdder maps = new LongAdder();
    final LongAdder unmaps = new LongAdder();
    final LongAdder selections = new LongAdder();
    final LongAdder attachments = new LongAdder();
    final LongAdder fruitless = new LongAdder();
    final LongAdder shortRemovals = new LongAdder();
    final LongAdder longRemovals = new LongAdder();
    /** For requests that are not counted by kind. */
    final LongAdder others = new LongAdder();

    private final LongAdder refusals = new LongAdder();
    private final LongAdder interrupted = new LongAdder();
    private final LongAdder invalid = new LongAdder();
    private final LongAdder denied = new LongAdder();
    private final LongAdder unknown = new LongAdder();
    private final AtomicBoolean invalidTold = new AtomicBoolean();
    private final AtomicBoolean deniedTold = new AtomicBoolean();

    /**
     * A request with the address of a structure.
     *
     * @param kind the counter of this kind of request
     * @return what the kernel answered, not yet translated by {@link KernelErrno}
     */
    int ask(Kernel.Node node, int request, MemorySegment argument, LongAdder kind) {
        int answer;
        int repeats = 0;
        do {
            kind.increment();
            answer = node.ioctl(request, argument);
        } while (answer == -Errno.EINTR && mayRepeat(repeats++));
        if (answer < 0) {
            refused(node, request, answer);
        }
        return answer;
    }

    private boolean mayRepeat(int repeats) {
        interrupted.increment();
        return repeats < MAX_REPEATS;
    }

    /** Each sort is told once: a guest that can cause refusals must not be able to fill the log. */
    private void refused(Kernel.Node node, int request, int answer) {
        refusals.increment();
        switch (-answer) {
            case Errno.EINVAL -> {
                invalid.increment();
                tell(invalidTold, "called a request invalid that was checked before, please report", node, request);
            }
            case Errno.EPERM, Errno.EACCES -> {
                denied.increment();
                tell(deniedTold, "does not permit a request; pvi doctor says what is missing", node, request);
            }
            case Errno.EIO -> {
                // A plain I/O error is what it says.
            }
            default -> {
                if (KernelErrno.ofCall(answer) == -Errno.EIO) {
                    unknown.increment();
                }
            }
        }
    }

    private static void tell(AtomicBoolean told, String what, Kernel.Node node, int request) {
        if (told.compareAndSet(false, true)) {
            LOG.log(Level.ERROR, "the kernel {0}: node={1} request=0x{2}", what, node, Integer.toHexString(request));
        }
    }

    /** A success that nothing explains: more than 0 from a call whose success is 0. */
    int zeroOrError(int answer) {
        if (answer > 0) {
            unknown.increment();
        }
        return KernelErrno.ofCall(answer);
    }

    KernelStatistics statistics() {
        return new KernelStatistics(
                maps.sum(),
                unmaps.sum(),
                selections.sum(),
                attachments.sum(),
                refusals.sum(),
                interrupted.sum(),
                fruitless.sum(),
                shortRemovals.sum(),
                longRemovals.sum(),
                invalid.sum(),
                denied.sum(),
                unknown.sum());
    }
}
