package org.pviommu.server.ring;

import java.util.List;
import java.util.function.IntFunction;
import org.jspecify.annotations.Nullable;
import org.pviommu.engine.EndpointDescriptor;
import org.pviommu.engine.Engine;
import org.pviommu.engine.EngineException;
import org.pviommu.engine.Guest;
import org.pviommu.engine.GuestFaultException;
import org.pviommu.engine.GuestMemory;
import org.pviommu.engine.GuestPolicy;
import org.pviommu.engine.HypercallExecutor;
import org.pviommu.journal.Recovery;
import org.pviommu.natives.Errno;
import org.pviommu.server.grants.Grants;

/**
 * Guests of the engine. Any thread.
 *
 * @param engine who they are added to
 * @param policies what a guest may do; null for a guest that is not known
 * @param endpoints the devices of a known guest
 * @param grants what they may give each other
 * @param recovery the guests of before the service's start, or null when nothing is remembered
 */
record EngineSessions(
        Engine engine,
        IntFunction<? extends @Nullable GuestPolicy> policies,
        IntFunction<List<EndpointDescriptor>> endpoints,
        Grants grants,
        @Nullable Recovery recovery)
        implements GuestSessions {

    /** What a guest of that number had before the start is forgotten: it says that it is another one. */
    @Override
    public GuestSession open(int guestId) {
        GuestPolicy policy = policy(guestId);
        List<EndpointDescriptor> devices = endpoints.apply(guestId);
        if (recovery != null) {
            requireNotExpected(recovery, guestId, devices);
            recovery.forget(guestId);
        }
        try {
            return session(engine.addGuest(guestId, policy, devices));
        } catch (EngineException e) {
            throw refusal(e);
        }
    }

    private GuestPolicy policy(int guestId) {
        GuestPolicy policy = policies.apply(guestId);
        if (policy == null) {
            throw new RefusedException(
                    Errno.EPERM, "guest_id=" + Integer.toUnsignedString(guestId) + " is not configured for the ring");
        }
        return policy;
    }

    /** A device of a guest that may still come back is not another guest's, whatever was configured since. */
    private static void requireNotExpected(Recovery recovery, int guestId, List<EndpointDescriptor> devices) {
        for (Guest before : recovery.waiting()) {
            for (EndpointDescriptor device : before.endpoints()) {
                boolean wanted = devices.stream().anyMatch(each -> each.endpointId() == device.endpointId());
                if (wanted && before.id() != guestId) {
                    throw new RefusedException(
                            Errno.EBUSY,
                            "endpoint=0x" + Integer.toHexString(device.endpointId()) + " belongs to guest="
                                    + before.id() + ", which has not come back");
                }
            }
        }
    }

    /** The policy of a guest that comes back is the one it had: what it has mapped fits that one. */
    @Override
    public ReturningGuest comeBack(int guestId) {
        policy(guestId);
        if (engine.guest(guestId) != null) {
            throw new RefusedException(Errno.EBUSY, "guest=" + guestId + " is in use");
        }
        Guest before = recovery == null ? null : recovery.before(guestId);
        if (recovery == null || before == null) {
            throw new RefusedException(Errno.ENOENT, "guest=" + guestId + " is not waited for");
        }
        return new EngineReturn(this, recovery, guestId, before.policy().maxMemoryFrames());
    }

    GuestSession session(Guest guest) {
        try {
            return new EngineSession(engine, guest, new HypercallExecutor(engine, guest), grants, recovery);
        } catch (RuntimeException e) {
            engine.removeGuest(guest); // No scratch memory for its calls.
            throw e;
        }
    }

    private static void refusing(Runnable request) {
        try {
            request.run();
        } catch (EngineException e) {
            throw refusal(e);
        }
    }

    static RefusedException refusal(EngineException e) {
        int errno = switch (e.kind()) {
            case INVALID -> Errno.EINVAL;
            case EXISTS -> Errno.EEXIST;
            case NOT_FOUND -> Errno.ENOENT;
            case BUSY -> Errno.EBUSY;
            case LIMIT, NO_ROOM -> Errno.ENOSPC;
            case HOST -> Errno.EIO;
        };
        return new RefusedException(errno, String.valueOf(e.getMessage()));
    }

    private static final class EngineSession implements GuestSession {
        private final Engine engine;
        private final Guest guest;
        private final HypercallExecutor executor;
        private final Grants grants;
        private final @Nullable Recovery recovery;
        private boolean kept;

        EngineSession(
                Engine engine, Guest guest, HypercallExecutor executor, Grants grants, @Nullable Recovery recovery) {
            this.engine = engine;
            this.guest = guest;
            this.executor = executor;
            this.grants = grants;
            this.recovery = recovery;
        }

        @Override
        public long maxMemoryFrames() {
            return guest.policy().maxMemoryFrames();
        }

        @Override
        public void registerMemory(long firstMfn, long pages, GuestMemory memory) {
            refusing(() -> guest.registerMemory(firstMfn, pages, memory));
        }

        @Override
        public void unregisterMemory(long firstMfn, long pages) {
            Integer grantee = recovery == null ? null : recovery.granteeToCome(guest.id(), firstMfn, pages);
            if (grantee != null) {
                throw new RefusedException(Errno.EBUSY, "guest=" + grantee + ", which may map it, is not back");
            }
            refusing(() -> guest.unregisterMemory(firstMfn, pages));
        }

        /** Acceptance comes first, so that a guest learns nothing about those that do not accept it. */
        @Override
        public void grant(GrantRequest request) {
            int grantee = request.granteeId();
            if (!grants.accepts(grantee, guest.id())) {
                throw new RefusedException(
                        Errno.EPERM,
                        "grantee_id=" + Integer.toUnsignedString(grantee) + " does not accept grants from guest="
                                + guest.id());
            }
            refusing(() -> grants.give(
                    guest.id(),
                    request.firstMfn(),
                    request.pages(),
                    grantee,
                    request.granteeFirstMfn(),
                    request.access()));
        }

        @Override
        public void revoke(RevokeRequest request) {
            if (recovery != null
                    && recovery.isGrantToCome(guest.id(), request.granteeId(), request.granteeFirstMfn())) {
                throw new RefusedException(Errno.EBUSY, "guest=" + request.granteeId() + " is not back");
            }
            refusing(() -> grants.revoke(guest.id(), request.granteeId(), request.granteeFirstMfn(), request.force()));
        }

        @Override
        public long call(int cmd, long arg, int count) {
            try {
                return executor.call(cmd, arg, count);
            } catch (GuestFaultException e) {
                throw new ProtocolException("guest memory went away during a call: " + e.getMessage(), e);
            }
        }

        @Override
        public void keepForNextStart() {
            kept = true;
        }

        @Override
        public void close() {
            try (executor) {
                if (!kept) {
                    remove();
                }
            }
        }

        /** Those who had its frames mapped and have not come back cannot any more. That is recorded before its own end. */
        private void remove() {
            try {
                if (recovery != null) {
                    recovery.left(guest.id());
                }
            } finally {
                engine.removeGuest(guest);
            }
        }
    }
}
