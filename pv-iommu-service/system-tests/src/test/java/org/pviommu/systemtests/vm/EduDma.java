package org.pviommu.systemtests.vm;

import java.lang.foreign.MemorySegment;
import org.pviommu.host.contract.DmaDevice;
import org.pviommu.natives.DeviceFile;

/**
 * The edu device for the contract suite. Its buffer is out of the processor's sight, so everything passes through a window: a page
 * that device and processor can reach.
 */
final class EduDma implements DmaDevice {
    private final DeviceFile device;
    private final MemorySegment window;
    private final long windowIovaBytes;
    private final EduDevice edu;

    EduDma(DeviceFile device, MemorySegment window, long windowIovaBytes) {
        this.device = device;
        this.window = window;
        this.windowIovaBytes = windowIovaBytes;
        edu = EduDevice.of(device);
    }

    @Override
    public void read(long iovaBytes, MemorySegment into) {
        int lengthBytes = (int) into.byteSize();
        window.fill((byte) 0);
        edu.readMemory(windowIovaBytes, lengthBytes); // nothing of an earlier access is left in the buffer
        edu.copy(iovaBytes, windowIovaBytes, lengthBytes);
        into.copyFrom(window.asSlice(0, lengthBytes));
    }

    @Override
    public void write(long iovaBytes, MemorySegment from) {
        window.asSlice(0, from.byteSize()).copyFrom(from);
        edu.copy(windowIovaBytes, iovaBytes, (int) from.byteSize());
    }

    @Override
    public void close() {
        edu.close();
        device.close();
    }
}
