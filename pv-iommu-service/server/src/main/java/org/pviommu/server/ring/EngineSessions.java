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
import org.pviommu.natives.Errno;
import org.pviommu.server.grants.Grants;

/**
 * Guests of the engine. Any thread.
 *
 * @param engine who they are added to
 * @param policies what a guest may do; null for a guest that is not known
 * @param endpoints the devices of a known guest
 * @param grants what they may give each other
 */
record EngineSessions(
        Engine engine,
        IntFunction<? extends @Nullable GuestPolicy> policies,
        IntFunction<List<EndpointDescriptor>> endpoints,
        Grants grants)
        implements GuestSessions {

    @Override
    public GuestSession open(int guestId) {
        GuestPolicy policy = policies.apply(guestId);
        if (policy == null) {
            throw new RefusedException(
                    Errno.EPERM, "guest_id=" + Integer.toUnsignedString(guestId) + " is not configured");
        }
        try {
            Guest guest = engine.addGuest(guestId, policy, endpoints.apply(guestId));
            return session(guest);
        } catch (EngineException e) {
            throw refusal(e);
        }
    }

    private EngineSession session(Guest guest) {
        try {
            return new EngineSession(engine, guest, new HypercallExecutor(engine, guest), grants);
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

    private static RefusedException refusal(EngineException e) {
        int errno = switch (e.kind()) {
            case INVALID -> Errno.EINVAL;
            case EXISTS -> Errno.EEXIST;
            case NOT_FOUND -> Errno.ENOENT;
            case BUSY -> Errno.EBUSY;
            case LIMIT -> Errno.ENOSPC;
            case HOST -> Errno.EIO;
        };
        return new RefusedException(errno, String.valueOf(e.getMessage()));
    }

    private static final class EngineSession implements GuestSession {
        private final Engine engine;
        private final Guest guest;
        private final HypercallExecutor executor;
        private final Grants grants;
        private boolean kept;

        EngineSession(Engine engine, Guest guest, HypercallExecutor executor, Grants grants) {
            this.engine = engine;
            this.guest = guest;
            this.executor = executor;
            this.grants = grants;
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
                    engine.removeGuest(guest);
                }
            }
        }
    }
}
