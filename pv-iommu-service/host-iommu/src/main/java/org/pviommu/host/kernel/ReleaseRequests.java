package org.pviommu.host.kernel;

import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntConsumer;
import org.pviommu.natives.EventFd;
import org.pviommu.natives.NativeException;
import org.pviommu.natives.Poller;
import org.pviommu.natives.iommu.LinuxIommu;
import org.pviommu.natives.iommu.vfio_irq_set;

/**
 * Hears when the kernel wants a device back: it is being unplugged, or taken from its driver, and the kernel waits until the last
 * user has closed it. One daemon thread for all devices of a backend; devices are added before it starts.
 */
final class ReleaseRequests implements AutoCloseable {
    private static final Logger LOG = System.getLogger(ReleaseRequests.class.getName());
    private static final int STOP = -1;
    private static final int MAX_EVENTS = 64;
    private static final int NO_LIMIT = -1;

    private final Poller poller = new Poller(MAX_EVENTS);
    private final EventFd stop = EventFd.create();
    private final List<EventFd> events = new ArrayList<>();
    private final List<Integer> endpoints = new ArrayList<>();
    private final IntConsumer release;
    private final Thread thread;

    /** @param release called in the thread of this object, with the endpoint that the kernel wants back */
    ReleaseRequests(IntConsumer release) {
        this.release = release;
        poller.add(stop.fd(), STOP);
        thread = Thread.ofPlatform().daemon().name("pvi-device-release").unstarted(this::listen);
    }

    /** Adds a device; one that has no such event is never taken back politely, which is no error. */
    void watch(int endpoint, Kernel.Node device, KernelCalls calls) {
        EventFd event = EventFd.create();
        if (trigger(device, event, calls) != 0) {
            event.close();
            return;
        }
        poller.add(event.fd(), endpoints.size());
        endpoints.add(endpoint);
        events.add(event);
    }

    private static int trigger(Kernel.Node device, EventFd event, KernelCalls calls) {
        try (Arena local = Arena.ofConfined()) {
            long sizeBytes = vfio_irq_set.data$offset() + Integer.BYTES;
            MemorySegment request = local.allocate(sizeBytes, Integer.BYTES);
            vfio_irq_set.argsz(request, (int) sizeBytes);
            vfio_irq_set.flags(
                    request, LinuxIommu.VFIO_IRQ_SET_DATA_EVENTFD() | LinuxIommu.VFIO_IRQ_SET_ACTION_TRIGGER());
            vfio_irq_set.index(request, LinuxIommu.VFIO_PCI_REQ_IRQ_INDEX());
            vfio_irq_set.count(request, 1);
            request.set(
                    ValueLayout.JAVA_INT, vfio_irq_set.data$offset(), event.fd().value());
            return calls.zeroOrError(calls.ask(device, LinuxIommu.VFIO_DEVICE_SET_IRQS(), request, calls.others));
        }
    }

    void start() {
        thread.start();
    }

    private void listen() {
        try {
            boolean stopped = false;
            while (!stopped) {
                int ready = poller.await(NO_LIMIT);
                for (int i = 0; i < ready; i++) {
                    stopped |= poller.token(i) == STOP;
                    if (poller.token(i) != STOP) {
                        events.get(poller.token(i)).drain();
                        release.accept(endpoints.get(poller.token(i)));
                    }
                }
            }
        } catch (NativeException | IllegalStateException failed) {
            LOG.log(Level.ERROR, "devices that the kernel wants back are not noticed any more", failed);
        }
    }

    /** Ends the thread, then closes what it waits for. */
    @Override
    public void close() {
        stop.signal();
        if (thread.isAlive()) {
            try {
                thread.join();
            } catch (InterruptedException interrupted) {
                Thread.currentThread().interrupt();
            }
        }
        poller.close();
        stop.close();
        events.forEach(EventFd::close);
    }
}
