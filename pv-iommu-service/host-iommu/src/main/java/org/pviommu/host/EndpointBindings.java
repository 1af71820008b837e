package org.pviommu.host;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Which endpoint is translated by which address space. Lookups take no lock and allocate nothing: they search an
 * immutable sorted copy, which the rare changes replace.
 */
final class EndpointBindings {
    private volatile Snapshot current = new Snapshot(new int[0], new SimulatedSpace[0]);

    /** Endpoint numbers in ascending order, each with its address space at the same index. */
    private static final class Snapshot {
        private final int[] endpoints;
        private final SimulatedSpace[] spaces;

        Snapshot(int[] endpoints, SimulatedSpace[] spaces) {
            this.endpoints = endpoints;
            this.spaces = spaces;
        }

        int indexOf(int endpoint) {
            return Arrays.binarySearch(endpoints, endpoint);
        }

        Snapshot with(int endpoint, SimulatedSpace space) {
            int index = -indexOf(endpoint) - 1;
            int[] moreEndpoints = Arrays.copyOf(endpoints, endpoints.length + 1);
            SimulatedSpace[] moreSpaces = Arrays.copyOf(spaces, spaces.length + 1);
            System.arraycopy(endpoints, index, moreEndpoints, index + 1, endpoints.length - index);
            System.arraycopy(spaces, index, moreSpaces, index + 1, spaces.length - index);
            moreEndpoints[index] = endpoint;
            moreSpaces[index] = space;
            return new Snapshot(moreEndpoints, moreSpaces);
        }

        Snapshot without(int index) {
            int last = endpoints.length - 1;
            int[] fewerEndpoints = Arrays.copyOf(endpoints, last);
            SimulatedSpace[] fewerSpaces = Arrays.copyOf(spaces, last);
            System.arraycopy(endpoints, index + 1, fewerEndpoints, index, last - index);
            System.arraycopy(spaces, index + 1, fewerSpaces, index, last - index);
            return new Snapshot(fewerEndpoints, fewerSpaces);
        }
    }

    /** The address space of {@code endpoint}; null when it is blocked. */
    @Nullable
    SimulatedSpace find(int endpoint) {
        Snapshot snapshot = current;
        int index = snapshot.indexOf(endpoint);
        return index < 0 ? null : snapshot.spaces[index];
    }

    /** Binds a blocked endpoint; false when another address space has it. Binding it again to the same is success. */
    synchronized boolean bind(int endpoint, SimulatedSpace space) {
        SimulatedSpace bound = find(endpoint);
        if (bound == null) {
            current = current.with(endpoint, space);
        }
        return bound == null || bound == space;
    }

    /** Blocks an endpoint; false when {@code space} does not have it. */
    synchronized boolean unbind(int endpoint, SimulatedSpace space) {
        if (find(endpoint) != space) {
            return false;
        }
        current = current.without(current.indexOf(endpoint));
        return true;
    }

    /** Blocks all endpoints of {@code space}. */
    synchronized void unbindAll(SimulatedSpace space) {
        for (int endpoint : current.endpoints) {
            unbind(endpoint, space);
        }
    }
}
