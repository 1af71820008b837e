package org.pviommu.server.ring;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.pviommu.engine.GuestMemory;
import org.pviommu.natives.Errno;

/**
 * Guests without an engine, so that tests of the transport alone decide what a call does. Guest numbers from 1 to 999,999
 * are known; a call returns {@code arg + count} unless the test says otherwise.
 */
final class TestSessions implements GuestSessions {
    static final long MAX_FRAMES = 1_024;

    /** What a call does. */
    @FunctionalInterface
    interface Call {
        long call(int guestId, int cmd, long arg, int count);
    }

    final Map<Integer, Session> open = new ConcurrentHashMap<>();
    final AtomicInteger closed = new AtomicInteger();
    volatile Call call = (guestId, cmd, arg, count) -> arg + count;

    @Override
    public GuestSession open(int guestId) {
        if (guestId < 1 || guestId > 999_999) {
            throw new RefusedException(Errno.EPERM, "guest_id=" + Integer.toUnsignedString(guestId) + " unknown");
        }
        Session session = new Session(guestId);
        if (open.putIfAbsent(guestId, session) != null) {
            throw new RefusedException(Errno.EBUSY, "guest_id=" + guestId + " guest is connected");
        }
        return session;
    }

    @Override
    public ReturningGuest comeBack(int guestId) {
        throw new RefusedException(Errno.ENOENT, "guest_id=" + guestId + " nobody comes back here");
    }

    private record Region(long firstMfn, long pages, GuestMemory memory) {}

    final class Session implements GuestSession {
        private final int guestId;
        private final List<Region> regions = new ArrayList<>();

        Session(int guestId) {
            this.guestId = guestId;
        }

        @Override
        public long maxMemoryFrames() {
            return MAX_FRAMES;
        }

        @Override
        public void registerMemory(long firstMfn, long pages, GuestMemory memory) {
            for (Region region : regions) {
                if (region.firstMfn <= firstMfn + pages - 1 && firstMfn <= region.firstMfn + region.pages - 1) {
                    throw new RefusedException(Errno.EEXIST, "first_mfn=" + firstMfn + " overlaps");
                }
            }
            regions.add(new Region(firstMfn, pages, memory));
        }

        @Override
        public void unregisterMemory(long firstMfn, long pages) {
            for (Region region : regions) {
                if (region.firstMfn == firstMfn && region.pages == pages) {
                    regions.remove(region);
                    region.memory.close();
                    return;
                }
            }
            throw new RefusedException(Errno.ENOENT, "first_mfn=" + firstMfn + " not registered");
        }

        @Override
        public void grant(GrantRequest request) {
            throw new RefusedException(Errno.EPERM, "nobody accepts grants here");
        }

        @Override
        public void revoke(RevokeRequest request) {
            throw new RefusedException(Errno.ENOENT, "there are no grants here");
        }

        @Override
        public long call(int cmd, long arg, int count) {
            return call.call(guestId, cmd, arg, count);
        }

        @Override
        public void keepForNextStart() {
            // the transport's own tests look at close
        }

        @Override
        public void close() {
            regions.forEach(region -> region.memory.close());
            open.remove(guestId);
            closed.incrementAndGet();
        }
    }
}
