package org.pviommu.host;

import java.util.concurrent.atomic.AtomicInteger;
import org.pviommu.engine.EndpointDescriptor;
import org.pviommu.engine.GuestMemory;
import org.pviommu.engine.HostAddressSpace;
import org.pviommu.engine.HostCapabilities;
import org.pviommu.engine.HostIommu;
import org.pviommu.engine.HostIommuException;
import org.pviommu.engine.IotlbGather;
import org.pviommu.host.HostCall.Kind;

/**
 * Wraps any backend and makes it misbehave as real ones do: refuse with any errno, remove less or more than asked for,
 * hang. For tests; a wrapper without a plan passes everything through.
 *
 * <p>What the caller is told and what the wrapped host did always agree, except where a test asks for a lie: a refused
 * call does not reach the wrapped host (a refused flush does not flush), a short unmap really removes only the leading
 * pages, a long one really removes more. The n-th call counts from now: 1 is the next one.
 *
 * <p>Any thread may plan and call. Plans decide in the order of the calls, so one seed and one calling thread repeat a
 * run exactly.
 */
public final class FaultInjectingIommu implements HostIommu {
    private final HostIommu wrapped;
    private final InjectionPlan plan;
    private final AtomicInteger spacesCreated = new AtomicInteger();
    private volatile HostCall.Listener listener = call -> {};

    /** Chance is never asked for, or from seed 0. */
    public FaultInjectingIommu(HostIommu wrapped) {
        this(wrapped, 0);
    }

    /**
     * @param wrapped the backend; closed with this wrapper
     * @param seed of all that happens by chance
     */
    public FaultInjectingIommu(HostIommu wrapped, long seed) {
        this.wrapped = wrapped;
        plan = new InjectionPlan(seed);
    }

    /**
     * The {@code nth} call of {@code kind} from now fails.
     *
     * @param errno a positive Linux errno; a negative number makes the host answer with the wrong sign (catalogue D17)
     */
    public void failNth(Kind kind, long nth, int errno) {
        plan.plan(kind, nth, new Injection.Fail(errno));
    }

    /** The {@code nth} call from now fails, of whatever kind it is. */
    public void failNthCall(long nth, int errno) {
        plan.planOverall(nth, new Injection.Fail(errno));
    }

    /** The {@code nth} unmap from now removes at most {@code maxPages} (1 or more) of the leading pages. */
    public void shortenNthUnmap(long nth, long maxPages) {
        plan.plan(Kind.UNMAP, nth, new Injection.Shorten(maxPages));
    }

    /**
     * The {@code nth} unmap from now removes up to {@code maxExtraPages} pages more, those that are mapped next to the
     * last one asked for, and says so.
     */
    public void extendNthUnmap(long nth, long maxExtraPages) {
        plan.plan(Kind.UNMAP, nth, new Injection.Extend(maxExtraPages));
    }

    /** {@code action} runs before the {@code nth} call of {@code kind} from now reaches the host; waiting makes it hang. */
    public void beforeNth(Kind kind, long nth, Runnable action) {
        plan.plan(kind, nth, new Injection.Before(action));
    }

    /** From now on each call of {@code kind} fails with {@code probability}, with one of {@code errnos}. */
    public void failRandomly(Kind kind, double probability, int... errnos) {
        int[] choice = errnos.clone();
        if (choice.length == 0) {
            throw new IllegalArgumentException("errnos is empty");
        }
        plan.planRandomly(kind, probability, random -> new Injection.Fail(choice[random.nextInt(choice.length)]));
    }

    /** From now on unmaps are cut short with {@code probability}, to a random count up to {@code maxPages}. */
    public void shortenUnmapsRandomly(double probability, long maxPages) {
        plan.planRandomly(Kind.UNMAP, probability, random -> new Injection.Shorten(random.nextLong(1, maxPages + 1)));
    }

    /** From now on unmaps remove more with {@code probability}, up to a random count up to {@code maxExtraPages}. */
    public void extendUnmapsRandomly(double probability, long maxExtraPages) {
        plan.planRandomly(
                Kind.UNMAP, probability, random -> new Injection.Extend(random.nextLong(1, maxExtraPages + 1)));
    }

    /** Forgets all plans and chances; counts go on. */
    public void behave() {
        plan.forget();
    }

    /** Told about each call; replaces the previous listener. */
    public void onCall(HostCall.Listener newListener) {
        listener = newListener;
    }

    /** How many calls of {@code kind} there were. */
    public long calls(Kind kind) {
        return plan.count(kind);
    }

    /** How many calls there were. */
    public long calls() {
        return plan.total();
    }

    /** How many calls a plan or chance chose; a sweep over the k-th call ends when it stays the same. */
    public long injections() {
        return plan.injected();
    }

    @Override
    public HostCapabilities capabilities() {
        return wrapped.capabilities();
    }

    @Override
    public EndpointDescriptor describe(EndpointDescriptor configured) {
        return wrapped.describe(configured);
    }

    @Override
    public HostAddressSpace createAddressSpace() {
        Injection injection = plan.next(Kind.CREATE);
        long refusal = refusal(injection);
        if (refusal != 0) {
            tell(HostCall.created(0, refusal, true));
            throw new HostIommuException("createAddressSpace: injected", (int) Math.abs(refusal));
        }
        HostAddressSpace space = wrapped.createAddressSpace();
        int number = spacesCreated.incrementAndGet();
        tell(HostCall.created(number, 0, isChosen(injection)));
        return new Space(space, number);
    }

    @Override
    public void onFault(FaultListener faultListener) {
        wrapped.onFault(faultListener);
    }

    @Override
    public void close() {
        wrapped.close();
    }

    private void tell(HostCall call) {
        listener.called(call);
    }

    /** Lets a planned action run, and says what a call that must not reach the wrapped host answers; 0 when it may. */
    private static long refusal(Injection injection) {
        return switch (injection) {
            case Injection.Fail fail -> -(long) fail.errno();
            case Injection.Before before -> {
                before.action().run();
                yield 0;
            }
            case Injection.Shorten s -> 0;
            case Injection.Extend e -> 0;
            case Injection.None n -> 0;
        };
    }

    private static boolean isChosen(Injection injection) {
        return !(injection instanceof Injection.None);
    }

    /** The wrapped host's address space, tampered with. */
    private final class Space implements HostAddressSpace {
        private final HostAddressSpace space;
        private final int number;

        Space(HostAddressSpace space, int number) {
            this.space = space;
            this.number = number;
        }

        @Override
        public int map(long firstBfn, long pages, GuestMemory memory, long offsetBytes, int access) {
            Injection injection = plan.next(Kind.MAP);
            long refusal = refusal(injection);
            int outcome = refusal != 0 ? (int) refusal : space.map(firstBfn, pages, memory, offsetBytes, access);
            tell(HostCall.ofPages(Kind.MAP, number, firstBfn, pages, outcome, isChosen(injection)));
            return outcome;
        }

        @Override
        public long unmap(long firstBfn, long pages) {
            Injection injection = plan.next(Kind.UNMAP);
            long refusal = refusal(injection);
            long outcome = refusal != 0 ? refusal : space.unmap(firstBfn, tampered(injection, firstBfn, pages));
            tell(HostCall.ofPages(Kind.UNMAP, number, firstBfn, pages, outcome, isChosen(injection)));
            return outcome;
        }

        private long tampered(Injection injection, long firstBfn, long pages) {
            return switch (injection) {
                case Injection.Shorten shorten -> Math.min(pages, shorten.maxPages());
                case Injection.Extend extend -> {
                    // Pages that cannot exist are not asked for; a request that is out of bounds itself stays so.
                    long room = capabilities().lastBfn() - firstBfn + 1 - pages;
                    yield pages + Math.clamp(room, 0, extend.maxExtraPages());
                }
                default -> pages;
            };
        }

        @Override
        public int flush(IotlbGather gather) {
            Injection injection = plan.next(Kind.FLUSH);
            long refusal = refusal(injection);
            int outcome = refusal != 0 ? (int) refusal : space.flush(gather);
            tell(HostCall.flushed(number, gather, outcome, isChosen(injection)));
            return outcome;
        }

        @Override
        public int attach(int endpoint) {
            Injection injection = plan.next(Kind.ATTACH);
            long refusal = refusal(injection);
            int outcome = refusal != 0 ? (int) refusal : space.attach(endpoint);
            tell(HostCall.ofEndpoint(Kind.ATTACH, number, endpoint, outcome, isChosen(injection)));
            return outcome;
        }

        @Override
        public int detach(int endpoint) {
            Injection injection = plan.next(Kind.DETACH);
            long refusal = refusal(injection);
            int outcome = refusal != 0 ? (int) refusal : space.detach(endpoint);
            tell(HostCall.ofEndpoint(Kind.DETACH, number, endpoint, outcome, isChosen(injection)));
            return outcome;
        }

        @Override
        public void destroy() {
            space.destroy();
        }
    }
}
