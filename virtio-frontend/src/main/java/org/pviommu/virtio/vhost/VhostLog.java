package org.pviommu.virtio.vhost;

/**
 * Port: where a device's socket says what happens, for people. The server has limited the rate: a peer can cause as many lines as it
 * sends messages. Any thread.
 */
public interface VhostLog {
    /** Something ordinary. */
    void info(String message);

    /** A peer's mistake, or something that an operator should know. */
    void warning(String message);

    /** A mistake of ours; the connection it happened on is over. */
    void error(String message, Throwable cause);
}
