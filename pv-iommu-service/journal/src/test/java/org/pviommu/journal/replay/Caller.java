package org.pviommu.journal.replay;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.pviommu.abi.IommuOp;
import org.pviommu.engine.BatchPlayer;
import org.pviommu.engine.Engine;
import org.pviommu.engine.support.Element;
import org.pviommu.engine.support.GuestDriver;

/** Makes calls for a guest: by hypercalls, or from outside where a guest's memory is not there. */
interface Caller extends AutoCloseable {
    void run(int cmd, Element... elements);

    void flush(int context);

    @Override
    void close();

    static Caller of(GuestDriver driver) {
        return new Caller() {
            @Override
            public void run(int cmd, Element... elements) {
                driver.run(cmd, elements);
            }

            @Override
            public void flush(int context) {
                driver.flush(context);
            }

            @Override
            public void close() {
                driver.close();
            }
        };
    }

    static Caller outside(Engine engine, int guestId) {
        BatchPlayer player = new BatchPlayer(engine);
        return new Caller() {
            @Override
            public void run(int cmd, Element... elements) {
                int subOp = IommuOp.subOp(cmd);
                try (Arena arena = Arena.ofConfined()) {
                    MemorySegment array = arena.allocate((long) elements.length * elements[0].sizeBytes(), 8);
                    for (int i = 0; i < elements.length; i++) {
                        elements[i].write(array, (long) i * elements[0].sizeBytes());
                    }
                    if (subOp >= IommuOp.ALLOC_CONTEXT && subOp <= IommuOp.ATTACH_DEVICE) {
                        player.contexts(guestId, subOp, array, elements.length);
                        return;
                    }
                    player.begin(guestId, IommuOp.contextNumber(cmd), subOp, IommuOp.modifiers(cmd) != 0);
                    player.slice(array, elements.length, true);
                    player.finish();
                }
            }

            @Override
            public void flush(int context) {
                player.flush(guestId, context);
            }

            @Override
            public void close() {
                player.close();
            }
        };
    }
}
