package org.pviommu.server.ring;

import org.pviommu.abi.RingAbi;
import org.pviommu.engine.GuestMemory;
import org.pviommu.natives.Errno;

/**
 * The messages of an admitted guest: registering and unregistering memory, granting and revoking. One REPLY each; a refusal changes nothing
 * and keeps the connection, a malformed packet throws. One thread.
 */
final class MemoryMessages {
    private final MessageChannel channel;
    private final GuestSession session;
    private final int maxRegions;
    private int regions;

    /** Of a guest that has so many regions already. */
    MemoryMessages(MessageChannel channel, GuestSession session, int maxRegions, int regions) {
        this.channel = channel;
        this.session = session;
        this.maxRegions = maxRegions;
        this.regions = regions;
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
        } catch (ProtocolException e) {
            channel.reply(request, -Errno.EINVAL, String.valueOf(e.getMessage()));
            throw e;
        }
    }

    private void execute(Packet packet) {
        int type = packet.type();
        switch (type) {
            case RingAbi.MSG_REGISTER_MEMORY -> register(packet);
            case RingAbi.MSG_UNREGISTER_MEMORY -> unregister(packet);
            case RingAbi.MSG_GRANT -> session.grant(GrantRequest.parse(packet));
            case RingAbi.MSG_REVOKE -> session.revoke(RevokeRequest.parse(packet));
            case RingAbi.MSG_RESUME -> throw new ProtocolException("RESUME of a guest that is there");
            case RingAbi.MSG_HELLO -> throw new ProtocolException("HELLO twice");
            default -> throw new ProtocolException("type=" + Integer.toUnsignedString(type) + " unknown");
        }
    }

    private void register(Packet packet) {
        packet.requireShape("REGISTER_MEMORY", RingAbi.REGISTER_MEMORY_SIZE, 1);
        MemoryRequest request = MemoryRequest.parse(packet);
        if (regions >= maxRegions) {
            throw new RefusedException(Errno.ENOSPC, "regions=" + regions + " max=" + maxRegions);
        }
        GuestMemory memory = request.map(packet.takeFd(), session.maxMemoryFrames());
        try {
            session.registerMemory(request.firstMfn(), request.pages(), memory);
        } catch (RuntimeException e) {
            memory.close();
            throw e;
        }
        regions++;
    }

    private void unregister(Packet packet) {
        packet.requireShape("UNREGISTER_MEMORY", RingAbi.UNREGISTER_MEMORY_SIZE, 0);
        session.unregisterMemory(
                packet.u64(RingAbi.UNREGISTER_MEMORY_FIRST_MFN_OFFSET),
                packet.u64(RingAbi.UNREGISTER_MEMORY_NR_PAGES_OFFSET));
        regions--;
    }
}
