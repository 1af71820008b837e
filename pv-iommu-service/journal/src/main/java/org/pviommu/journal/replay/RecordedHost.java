package org.pviommu.journal.replay;

import org.pviommu.engine.GuestMemory;
import org.pviommu.engine.HostAddressSpace;
import org.pviommu.engine.HostCapabilities;
import org.pviommu.engine.HostIommu;
import org.pviommu.engine.HostIommuException;
import org.pviommu.engine.IotlbGather;

/**
 * A host IOMMU that does nothing and answers what the recorded one answered.
 *
 * @param capabilities of the recorded one
 * @param answers what it answered
 */
record RecordedHost(HostCapabilities capabilities, RecordedAnswers answers) implements HostIommu {

    @Override
    public HostAddressSpace createAddressSpace() {
        long answer = answers.host(0);
        if (answer != 0) {
            throw new HostIommuException("recorded refusal", (int) -answer);
        }
        return new Space(answers);
    }

    @Override
    public void onFault(FaultListener listener) {
        // no device, no fault
    }

    @Override
    public void close() {
        // nothing is open
    }

    private record Space(RecordedAnswers answers) implements HostAddressSpace {
        @Override
        public int map(long firstBfn, long pages, GuestMemory memory, long offsetBytes, int access) {
            return (int) answers.host(0);
        }

        @Override
        public long unmap(long firstBfn, long pages) {
            return answers.host(pages);
        }

        @Override
        public int flush(IotlbGather gather) {
            return (int) answers.host(0);
        }

        @Override
        public int attach(int endpoint) {
            return (int) answers.host(0);
        }

        @Override
        public int detach(int endpoint) {
            return (int) answers.host(0);
        }

        @Override
        public void destroy() {
            // nothing is open
        }
    }
}
