package org.pviommu.engine;

import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * An endpoint that a virtio-iommu device governs: the domain that its driver has put it into, and what the host IOMMU translates it
 * by. The two differ where members of its group disagree, and where the host refuses. Under the guest's lock.
 */
final class DomainEndpoint {
    private final EndpointDescriptor descriptor;
    private final EndpointView view;
    /** Changed under the lock, listed by anybody. */
    private volatile @Nullable Domain domain;

    /** Null when its DMA is blocked. */
    private @Nullable TranslationSource bound;

    private @Nullable WatchedHost boundHost;

    DomainEndpoint(EndpointDescriptor descriptor, EndpointView view) {
        this.descriptor = descriptor;
        this.view = view;
    }

    EndpointDescriptor descriptor() {
        return descriptor;
    }

    int id() {
        return descriptor.endpointId();
    }

    @Nullable
    Domain domain() {
        return domain;
    }

    void setDomain(@Nullable Domain newDomain) {
        domain = newDomain;
    }

    @Nullable
    TranslationSource bound() {
        return bound;
    }

    @Nullable
    WatchedHost boundHost() {
        return boundHost;
    }

    boolean isBoundTo(@Nullable TranslationSource source) {
        return Objects.equals(bound, source); // which have no equals of their own
    }

    /** Lets {@code source}, whose counterpart is {@code host}, translate its DMA; false when the host refuses. */
    boolean bind(TranslationSource source, WatchedHost host) {
        if (host.attach(id()) != 0) {
            return false;
        }
        bound = source;
        boundHost = host;
        view.bind(source);
        return true;
    }

    /** Blocks its DMA; false when the host refuses, and then only our own endpoints are blocked. */
    boolean unbind() {
        WatchedHost host = boundHost;
        view.bind(null); // first, so that nobody gets further than the host lets
        if (host == null) {
            return true;
        }
        if (host.detach(id()) != 0) {
            view.bind(bound);
            return false;
        }
        bound = null;
        boundHost = null;
        return true;
    }
}
