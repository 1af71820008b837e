package org.pviommu.server.rest;

import io.micronaut.context.event.BeanCreatedEvent;
import io.micronaut.context.event.BeanCreatedEventListener;
import io.micronaut.http.server.netty.NettyServerCustomizer;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import jakarta.inject.Singleton;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Bounds the open connections of each listener (catalogue F05). Any process on this machine can connect over TCP and keep
 * its connection by a byte now and then; without a bound it could take all file descriptors, those of the guests included.
 * Each listener has its own, so that the Unix socket, which only the operator can open, still answers then.
 */
@Singleton
final class ConnectionLimit implements BeanCreatedEventListener<NettyServerCustomizer.Registry>, NettyServerCustomizer {
    static final int MAX_CONNECTIONS = 256;

    /** By listening channel. There are two, for as long as the service runs. */
    private final Map<Channel, AtomicInteger> open = new ConcurrentHashMap<>();

    @Override
    public NettyServerCustomizer.Registry onCreated(BeanCreatedEvent<NettyServerCustomizer.Registry> event) {
        event.getBean().register(this);
        return event.getBean();
    }

    /** Called for each connection before it is read from. */
    @Override
    public NettyServerCustomizer specializeForChannel(Channel channel, ChannelRole role) {
        if (role == ChannelRole.CONNECTION) {
            AtomicInteger count = open.computeIfAbsent(channel.parent(), listener -> new AtomicInteger());
            boolean tooMany = count.incrementAndGet() > MAX_CONNECTIONS;
            ChannelFuture end = tooMany ? channel.close() : channel.closeFuture();
            end.addListener(closed -> count.decrementAndGet());
        }
        return this;
    }
}
