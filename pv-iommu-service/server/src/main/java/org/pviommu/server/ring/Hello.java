package org.pviommu.server.ring;

import org.pviommu.abi.RingAbi;

/**
 * A checked HELLO.
 *
 * @param guestId number of the guest, unsigned
 * @param slotsWanted 1 to 64
 * @param resume whether it says that it was there before the last start, and wants to go on
 */
record Hello(int guestId, int slotsWanted, boolean resume) {

    /**
     * Reads the first message of a connection.
     *
     * @throws ProtocolException if it is not a HELLO that this service understands
     */
    static Hello parse(Packet packet) {
        int type = packet.type();
        if (type != RingAbi.MSG_HELLO) {
            throw new ProtocolException("type=" + Integer.toUnsignedString(type) + " before HELLO");
        }
        packet.requireShape("HELLO", RingAbi.HELLO_SIZE, 0);
        requireMagic(packet.u32(RingAbi.HELLO_MAGIC_OFFSET));
        requireVersion(packet.u16(RingAbi.HELLO_VERSION_MIN_OFFSET), packet.u16(RingAbi.HELLO_VERSION_MAX_OFFSET));
        int flags = packet.u32(RingAbi.HELLO_FLAGS_OFFSET);
        if ((flags & ~RingAbi.HELLO_RESUME) != 0) {
            throw new ProtocolException(
                    "HELLO flags=0x" + Integer.toHexString(flags) + " known=0x" + RingAbi.HELLO_RESUME);
        }
        packet.requireZero("HELLO reserved", RingAbi.HELLO_RESERVED_OFFSET);
        return new Hello(
                packet.u32(RingAbi.HELLO_GUEST_ID_OFFSET),
                slots(packet.u32(RingAbi.HELLO_NR_SLOTS_OFFSET)),
                flags != 0);
    }

    private static void requireMagic(int magic) {
        if (magic != RingAbi.MAGIC) {
            throw new ProtocolException(
                    "magic=0x" + Integer.toHexString(magic) + " expected=0x" + Integer.toHexString(RingAbi.MAGIC));
        }
    }

    private static void requireVersion(int min, int max) {
        if (min > RingAbi.VERSION || max < RingAbi.VERSION) {
            throw new ProtocolException("version_min=" + min + " version_max=" + max + " supported=" + RingAbi.VERSION
                    + ".." + RingAbi.VERSION);
        }
    }

    private static int slots(int wanted) {
        // One unsigned comparison refuses 0 and everything from 65 to 2^32 - 1.
        if (Integer.compareUnsigned(wanted - 1, RingAbi.MAX_SLOTS) >= 0) {
            throw new ProtocolException(
                    "nr_slots=" + Integer.toUnsignedString(wanted) + " min=1 max=" + RingAbi.MAX_SLOTS);
        }
        return wanted;
    }
}
