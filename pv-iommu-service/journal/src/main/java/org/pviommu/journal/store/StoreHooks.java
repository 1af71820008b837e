package org.pviommu.journal.store;

import java.io.IOException;
import java.nio.channels.FileChannel;

/** Where tests get in the way of the writer: a stalled or failing disk cannot be had on demand. */
interface StoreHooks {

    /** Nobody gets in the way. */
    StoreHooks NONE = new StoreHooks() {};

    /** Before a record is written to the queue. */
    default void beforeMove(long sequence) {}

    /** Inside the open document, after the frame was copied. */
    default void inDocument(long sequence) {}

    /** Before the record is read back. */
    default void beforeReadBack(long sequence) {}

    /** Between two changes of files, which a crash may part. */
    default void step(String what) {}

    /** Forces a queue file to the disk. */
    default void force(FileChannel channel) throws IOException {
        channel.force(false);
    }
}
