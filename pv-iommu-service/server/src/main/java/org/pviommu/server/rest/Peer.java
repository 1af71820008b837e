package org.pviommu.server.rest;

import io.micronaut.http.HttpRequest;
import io.micronaut.http.server.netty.NettyHttpRequest;
import io.netty.channel.Channel;
import io.netty.channel.ChannelException;
import io.netty.channel.socket.nio.NioChannelOption;
import java.net.SocketAddress;
import java.net.UnixDomainSocketAddress;
import jdk.net.ExtendedSocketOptions;
import jdk.net.UnixDomainPrincipal;
import org.jspecify.annotations.Nullable;

/** Who is at the other end of a request. */
final class Peer {
    private Peer() {}

    /**
     * Asks the channel, because asking the request for its remote address fails on a Unix socket. Anything that is not known to
     * be one counts as TCP.
     */
    static boolean cameOverUnixSocket(HttpRequest<?> request) {
        Channel channel = channel(request);
        SocketAddress local = channel == null ? null : channel.localAddress();
        return local instanceof UnixDomainSocketAddress;
    }

    private static @Nullable Channel channel(HttpRequest<?> request) {
        return request instanceof NettyHttpRequest<?> netty
                ? netty.getChannelHandlerContext().channel()
                : null;
    }

    /** What is recorded of whoever asks for a change, which {@link RequestGate} has let through. */
    static String name(HttpRequest<?> request) {
        Channel channel = channel(request);
        if (channel == null || !cameOverUnixSocket(request)) {
            return "rest token";
        }
        UnixDomainPrincipal principal = principal(channel);
        return principal == null
                ? "rest socket"
                : "rest user=" + principal.user().getName() + " group="
                        + principal.group().getName();
    }

    /** By the kernel's word; null when it has none, because the peer is gone. */
    private static @Nullable UnixDomainPrincipal principal(Channel channel) {
        try {
            return channel.config().getOption(NioChannelOption.of(ExtendedSocketOptions.SO_PEERCRED));
        } catch (ChannelException gone) {
            return null;
        }
    }
}
