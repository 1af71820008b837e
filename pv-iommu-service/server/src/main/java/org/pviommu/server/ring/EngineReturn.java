package org.pviommu.server.ring;

import java.util.HashMap;
import java.util.Map;
import org.pviommu.engine.EngineException;
import org.pviommu.engine.Guest;
import org.pviommu.engine.GuestMemory;
import org.pviommu.journal.Recovery;
import org.pviommu.natives.Errno;

/** A guest of the engine that comes back. One thread. */
final class EngineReturn implements ReturningGuest {
    private final EngineSessions sessions;
    private final Recovery recovery;
    private final int guestId;
    private final long maxFrames;
    private final Map<Long, GuestMemory> memories = new HashMap<>();
    private long frames;

    EngineReturn(EngineSessions sessions, Recovery recovery, int guestId, long maxFrames) {
        this.sessions = sessions;
        this.recovery = recovery;
        this.guestId = guestId;
        this.maxFrames = maxFrames;
    }

    @Override
    public long maxMemoryFrames() {
        return maxFrames;
    }

    /** Overlaps need no check here: what is not exactly the memory of before is refused as a whole. */
    @Override
    public void collect(long firstMfn, long pages, GuestMemory memory) {
        if (pages > maxFrames - frames) {
            throw new RefusedException(
                    Errno.ENOSPC, "registered pages=" + frames + " nr_pages=" + pages + " max=" + maxFrames);
        }
        if (memories.putIfAbsent(firstMfn, memory) != null) {
            throw new RefusedException(Errno.EEXIST, "first_mfn=" + firstMfn + " is registered");
        }
        frames += pages;
    }

    /** After a refusal that cannot be tried again the engine has closed the memory: it was the guest's for a moment. */
    @Override
    public GuestSession resume() {
        try {
            Guest guest = recovery.comeBack(sessions.engine(), guestId, memories);
            memories.clear();
            return sessions.session(guest);
        } catch (EngineException e) {
            if (e.kind() == EngineException.Kind.HOST || e.kind() == EngineException.Kind.LIMIT) {
                memories.clear();
            }
            throw EngineSessions.refusal(e);
        }
    }

    @Override
    public void close() {
        memories.values().forEach(GuestMemory::close);
        memories.clear();
    }
}
