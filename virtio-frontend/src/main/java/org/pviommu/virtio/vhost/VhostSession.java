package org.pviommu.virtio.vhost;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.pviommu.natives.EventFd;
import org.pviommu.natives.FileDescriptor;
import org.pviommu.natives.NativeException;
import org.pviommu.natives.Poller;
import org.pviommu.natives.UnixSocket;
import org.pviommu.virtio.queue.QueueSettings;
import org.pviommu.virtio.queue.RingAddresses;

/**
 * What one front-end has negotiated and handed in, and what each of its messages does. One thread.
 *
 * <p>Refusals: a message that asked for an acknowledgement gets a failure and nothing has changed; one that did not ends the
 * connection, because its sender believes in a success that did not happen.
 */
final class VhostSession implements AutoCloseable {
    private static final long OK = 0;
    private static final long FAILED = 1;
    private static final int CONFIG_HEADER_BYTES = 12;
    private static final int QUEUE_INDEX_MASK = 0xff;
    private static final int NO_FD = 0x100;
    private static final int MAX_BASE = 0xffff;
    /** Backend request 2: the configuration space has changed. */
    private static final int CONFIG_CHANGE_MSG = 2;

    private final VhostDevice device;
    private final MessageChannel channel;
    private final Poller poller;
    private final int firstKickToken;
    private final MemoryTable memory;
    private final Vring[] vrings;
    private @Nullable UnixSocket backendChannel;
    private long features;
    private long protocolFeatures;

    VhostSession(VhostDevice device, MessageChannel channel, Poller poller, int firstKickToken) {
        this.device = device;
        this.channel = channel;
        this.poller = poller;
        this.firstKickToken = firstKickToken;
        memory = new MemoryTable(device);
        vrings = new Vring[device.queues()];
        for (int i = 0; i < vrings.length; i++) {
            vrings[i] = new Vring(i);
        }
    }

    Vring[] vrings() {
        return vrings;
    }

    /** Opens the queues for which all is there; what is wrong with one, null when nothing is. */
    @Nullable
    String openReady(Vring vring) {
        if ((features & Features.VERSION_1) == 0) {
            return null; // Legacy drivers have other layouts; nothing of theirs is touched.
        }
        QueueSettings settings = new QueueSettings(
                (features & Features.INDIRECT_DESC) != 0,
                (features & Features.EVENT_IDX) != 0,
                device.maxRequestBytes());
        return vring.openIfReady(device, memory.space(), settings);
    }

    /**
     * Does what a message says, and answers it.
     *
     * @return why it was refused, null when it was not
     * @throws ProtocolException when it is refused and the peer cannot be told
     */
    @Nullable
    String handle(Message message) {
        Request request = Request.of(message.code());
        boolean acknowledge = message.needsReply() && (protocolFeatures & Features.PROTOCOL_REPLY_ACK) != 0;
        try {
            if (request == null) {
                throw new RefusedException("unknown request=" + Integer.toUnsignedString(message.code()));
            }
            request.check((int) message.payload().byteSize(), message.fds().size());
            obey(request, message);
            if (acknowledge && !request.isAnswered()) {
                channel.reply(message, OK);
            }
            return null;
        } catch (RefusedException e) {
            String why = String.valueOf(e.getMessage());
            if (!acknowledge || (request != null && request.isAnswered())) {
                throw new ProtocolException(why, e);
            }
            channel.reply(message, FAILED);
            return why;
        }
    }

    private void obey(Request request, Message message) {
        switch (request) {
            case GET_FEATURES -> channel.reply(message, device.features() | Features.TRANSPORT);
            case SET_FEATURES -> setFeatures(message.u64(0));
            case GET_PROTOCOL_FEATURES -> channel.reply(message, Features.PROTOCOL);
            case SET_PROTOCOL_FEATURES -> setProtocolFeatures(message.u64(0));
            case GET_QUEUE_NUM -> channel.reply(message, vrings.length);
            case GET_MAX_MEM_SLOTS -> channel.reply(message, MemoryTable.MAX_REGIONS);
            case SET_OWNER -> {} // One front-end for each connection: nothing to own.
            case RESET_OWNER -> resetOwner();
            case RESET_DEVICE -> resetDevice();
            case SET_MEM_TABLE -> changeMemory(() -> memory.replace(message));
            case ADD_MEM_REG -> changeMemory(() -> memory.add(message));
            case REM_MEM_REG -> changeMemory(() -> memory.remove(message));
            case SET_VRING_NUM -> setSize(message);
            case SET_VRING_BASE -> setBase(message);
            case SET_VRING_ADDR -> setAddresses(message);
            case SET_VRING_ENABLE -> setEnabled(message);
            case GET_VRING_BASE -> stop(message);
            case SET_VRING_KICK -> setKick(message);
            case SET_VRING_CALL -> eventVring(message).setCall(eventFd(message));
            case SET_VRING_ERR -> eventVring(message).setError(eventFd(message));
            case SET_BACKEND_REQ_FD -> setBackendChannel(message);
            case GET_CONFIG -> getConfig(message);
            case SET_CONFIG -> setConfig(message);
        }
    }

    private void setFeatures(long acknowledged) {
        long offered = device.features() | Features.TRANSPORT;
        if ((acknowledged & ~offered) != 0) { // catalogue B30, C18
            throw new RefusedException(
                    "features=0x" + Long.toHexString(acknowledged) + " offered=0x" + Long.toHexString(offered));
        }
        for (Vring each : vrings) {
            each.suspend();
            if ((acknowledged & Features.PROTOCOL_FEATURES) == 0) {
                each.enable(true); // Without protocol features there is no message that enables queues.
            }
        }
        features = acknowledged;
        device.acknowledged(acknowledged);
    }

    private void setProtocolFeatures(long acknowledged) {
        if ((acknowledged & ~Features.PROTOCOL) != 0) {
            throw new RefusedException("protocolFeatures=0x" + Long.toHexString(acknowledged) + " offered=0x"
                    + Long.toHexString(Features.PROTOCOL));
        }
        protocolFeatures = acknowledged;
    }

    /** Obsolete, and understood as "stop everything": the connection goes on. */
    private void resetOwner() {
        for (Vring each : vrings) {
            unwatch(each);
            each.stop();
            each.enable(false);
        }
    }

    private void resetDevice() {
        for (Vring each : vrings) {
            unwatch(each);
            each.reset();
        }
        device.reset();
    }

    /** Queues are closed first: none of them may see the old memory and the new in turn. They reopen with the next look. */
    private void changeMemory(Runnable change) {
        for (Vring each : vrings) {
            each.suspend();
        }
        change.run();
    }

    private void setSize(Message message) {
        int size = message.u32(4);
        if (size < 1 || size > device.maxQueueSize() || Integer.bitCount(size) != 1) {
            throw new RefusedException("queueSize=" + Integer.toUnsignedString(size) + " max=" + device.maxQueueSize()
                    + " powerOfTwo=true");
        }
        vring(message).setSize(size);
    }

    private void setBase(Message message) {
        int base = message.u32(4);
        if (base < 0 || base > MAX_BASE) { // also what a packed ring would say; those are not offered
            throw new RefusedException("base=" + Integer.toUnsignedString(base) + " max=" + MAX_BASE);
        }
        vring(message).setBase(base);
    }

    /** 0 le32 index, 4 le32 flags, 8 le64 descriptors, 16 le64 used, 24 le64 available, 32 le64 log. */
    private void setAddresses(Message message) {
        if (memory.isEmpty()) { // catalogue C13
            throw new RefusedException("SET_VRING_ADDR before there is memory");
        }
        if (message.u32(4) != 0) {
            throw new RefusedException("SET_VRING_ADDR flags=" + message.u32(4) + ": logging was not offered");
        }
        vring(message).setAddresses(new RingAddresses(0, message.u64(8), message.u64(24), message.u64(16)));
    }

    private void setEnabled(Message message) {
        int on = message.u32(4);
        if (on != 0 && on != 1) {
            throw new RefusedException("enable=" + Integer.toUnsignedString(on) + " expected=0 or 1");
        }
        vring(message).enable(on == 1);
    }

    private void stop(Message message) {
        Vring vring = vring(message);
        unwatch(vring);
        int base = vring.stop();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(8, 4);
            state.set(Message.U32, 0, vring.index());
            state.set(Message.U32, 4, base);
            channel.reply(message, state);
        }
    }

    /** The index in the first word of a message about a queue; checked as the 32 bits that came (catalogue C12). */
    private Vring vring(Message message) {
        return vring(message.u32(0));
    }

    private Vring vring(int index) {
        if (index < 0 || index >= vrings.length) {
            throw new RefusedException("queue=" + Integer.toUnsignedString(index) + " queues=" + vrings.length);
        }
        return vrings[index];
    }

    /** Index in bits 7:0, bit 8 = no descriptor comes; the rest has no meaning yet, so it must be clear. */
    private Vring eventVring(Message message) {
        long value = message.u64(0);
        boolean none = (value & NO_FD) != 0;
        if ((value & ~(QUEUE_INDEX_MASK | (long) NO_FD)) != 0
                || none == !message.fds().isEmpty()) {
            throw new RefusedException("event value=0x" + Long.toHexString(value) + " fds="
                    + message.fds().size());
        }
        return vring((int) value & QUEUE_INDEX_MASK);
    }

    private static @Nullable FileDescriptor eventFd(Message message) {
        return message.takeFd();
    }

    private void setKick(Message message) {
        Vring vring = eventVring(message);
        FileDescriptor fd = eventFd(message);
        EventFd before = vring.kick();
        unwatch(vring);
        try {
            vring.setKick(fd);
        } catch (RefusedException e) {
            watch(before, vring);
            throw e;
        }
        watch(vring.kick(), vring);
    }

    private void watch(@Nullable EventFd kick, Vring vring) {
        if (kick == null) {
            return;
        }
        try {
            poller.add(kick.fd(), firstKickToken + vring.index());
        } catch (NativeException e) {
            throw new ProtocolException("kick of queue=" + vring.index() + ": " + e.getMessage(), e);
        }
    }

    private void unwatch(Vring vring) {
        EventFd kick = vring.kick();
        if (kick != null) {
            poller.remove(kick.fd());
        }
    }

    private void setBackendChannel(Message message) {
        FileDescriptor fd = message.takeFd();
        if (fd == null) {
            throw new RefusedException("SET_BACKEND_REQ_FD without a file descriptor");
        }
        UnixSocket next;
        try {
            next = UnixSocket.adopt(fd);
        } catch (IllegalArgumentException | NativeException e) {
            throw new RefusedException("SET_BACKEND_REQ_FD " + e.getMessage(), e);
        }
        closeBackendChannel();
        backendChannel = next;
    }

    /** Asks for nothing back; a front-end that does not read loses this, and no more. */
    void sendConfigChanged() {
        UnixSocket to = backendChannel;
        if (to == null) {
            return;
        }
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment message = arena.allocate(Message.HEADER_BYTES, 4);
            message.set(Message.U32, 0, CONFIG_CHANGE_MSG);
            message.set(Message.U32, 4, Message.VERSION);
            to.send(message, List.of());
        } catch (NativeException e) {
            closeBackendChannel();
        }
    }

    private void closeBackendChannel() {
        UnixSocket old = backendChannel;
        backendChannel = null;
        if (old != null) {
            old.close();
        }
    }

    /** The same layout back: 0 le32 offset, 4 le32 size, 8 le32 flags, 12 the bytes. No payload says that it failed. */
    private void getConfig(Message message) {
        byte[] config = device.config();
        if (!isConfigRange(message, config.length)) {
            channel.reply(message, MemorySegment.ofArray(new byte[0]));
            return;
        }
        int offset = message.u32(0);
        int size = message.u32(4);
        byte[] answer = new byte[CONFIG_HEADER_BYTES + size];
        MemorySegment to = MemorySegment.ofArray(answer);
        MemorySegment.copy(message.payload(), 0, to, 0, CONFIG_HEADER_BYTES);
        System.arraycopy(config, offset, answer, CONFIG_HEADER_BYTES, size);
        channel.reply(message, to);
    }

    private void setConfig(Message message) {
        if (!isConfigRange(message, device.config().length)) {
            throw new RefusedException("SET_CONFIG offset=" + Integer.toUnsignedString(message.u32(0)) + " size="
                    + Integer.toUnsignedString(message.u32(4)) + " payloadBytes="
                    + message.payload().byteSize() + " configBytes=" + device.config().length);
        }
        byte[] bytes =
                message.payload().asSlice(CONFIG_HEADER_BYTES, message.u32(4)).toArray(ValueLayout.JAVA_BYTE);
        device.writeConfig(message.u32(0), bytes);
    }

    private static boolean isConfigRange(Message message, int configBytes) {
        long offset = Integer.toUnsignedLong(message.u32(0));
        long size = Integer.toUnsignedLong(message.u32(4));
        return offset + size <= configBytes && message.payload().byteSize() == CONFIG_HEADER_BYTES + size;
    }

    /** Gives everything back that the front-end handed in, on whatever path the connection ends (catalogue C19). */
    @Override
    public void close() {
        for (Vring each : vrings) {
            each.close();
        }
        closeBackendChannel();
        try {
            device.disconnected();
        } finally {
            memory.close();
        }
    }
}
