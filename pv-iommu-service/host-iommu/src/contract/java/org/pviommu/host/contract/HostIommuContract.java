package org.pviommu.host.contract;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;

/** The whole contract of {@link org.pviommu.engine.HostIommu}; a backend's test extends this class. */
public abstract class HostIommuContract implements MappingContract, CutContract, FlushContract, EndpointContract {
    private Bench bench;

    /** A fresh backend for one test. */
    protected abstract HostUnderTest open();

    @BeforeEach
    void openBench() {
        bench = new Bench(open());
    }

    @AfterEach
    void closeBench() {
        bench.close();
    }

    @Override
    public Bench bench() {
        return bench;
    }
}
