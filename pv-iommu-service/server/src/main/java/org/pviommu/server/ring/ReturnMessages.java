package org.pviommu.server.ring;

import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.pviommu.abi.RingAbi;
import org.pviommu.engine.GuestMemory;
import org.pviommu.natives.Errno;

/**
 * The messages of a guest that comes back, until its RESUME is granted: memory is collected, everything else is refused. One
 * REPLY each, a malformed packet throws. One thread.
 */
final class ReturnMessages {
    private final MessageChannel channel;
    private final ReturningGuest guest;
    private final int maxRegions;
    private final Consumer<String> refusals;
    private int regions;
    private @Nullable GuestSession session;

    /** Tells {@code refusals} why a RESUME is refused. */
    ReturnMessages(MessageChannel channel, ReturningGuest guest, int maxRegions, Consumer<String> refusals) {
        this.channel = channel;
        this.guest = guest;
        this.maxRegions = maxRegions;
        this.refusals = refusals;
    }

    /** What a granted RESUME has made; null before. */
    @Nullable
    GuestSession session() {
        return session;
    }

    /** How many regions the guest has registered. */
    int regions() {
        return regions;
    }

    /**
     * Executes and answers one message.
     *
     * @throws ProtocolException if it is malformed; it is answered, too
     */
    void handle(Packet packet) {
        int request = packet.typeOrZero();
        try {
            execute(packet);
            channel.reply(request, 0, "");
        } catch (RefusedException e) {
            channel.reply(request, -e.errno(), String.valueOf(e.getMessage()));
            if (request == RingAbi.MSG_RESUME) {
                refusals.accept(String.valueOf(e.getMessage()));
                if (!mayBeTriedAgain(e)) {
                    channel.end();
                }
            }
        } catch (ProtocolException e) {
            channel.reply(request, -Errno.EINVAL, String.valueOf(e.getMessage()));
            throw e;
        }
    }

    private static boolean mayBeTriedAgain(RefusedException refused) {
        return refused.errno() == Errno.EINVAL || refused.errno() == Errno.EBUSY;
    }

    private void execute(Packet packet) {
        int type = packet.type();
        switch (type) {
            case RingAbi.MSG_REGISTER_MEMORY -> collect(packet);
            case RingAbi.MSG_RESUME -> resume(packet);
            case RingAbi.MSG_UNREGISTER_MEMORY, RingAbi.MSG_GRANT, RingAbi.MSG_REVOKE ->
                throw new RefusedException(Errno.EINVAL, "type=" + type + " before RESUME");
            case RingAbi.MSG_HELLO -> throw new ProtocolException("HELLO twice");
            default -> throw new ProtocolException("type=" + Integer.toUnsignedString(type) + " unknown");
        }
    }

    private void collect(Packet packet) {
        packet.requireShape("REGISTER_MEMORY", RingAbi.REGISTER_MEMORY_SIZE, 1);
        MemoryRequest request = MemoryRequest.parse(packet);
        if (regions >= maxRegions) {
            throw new RefusedException(Errno.ENOSPC, "regions=" + regions + " max=" + maxRegions);
        }
        GuestMemory memory = request.map(packet.takeFd(), guest.maxMemoryFrames());
        try {
            guest.collect(request.firstMfn(), request.pages(), memory);
        } catch (RuntimeException e) {
            memory.close();
            throw e;
        }
        regions++;
    }

    private void resume(Packet packet) {
        packet.requireShape("RESUME", RingAbi.RESUME_SIZE, 0);
        if (packet.u64(RingAbi.RESUME_RESERVED_OFFSET) != 0) {
            throw new ProtocolException(
                    "RESUME reserved=0x" + Long.toHexString(packet.u64(RingAbi.RESUME_RESERVED_OFFSET)) + " must be 0");
        }
        session = guest.resume();
    }
}
