package org.pviommu.engine;

/**
 * Where the DMA of one endpoint leads, for endpoints that this process serves itself: its translation as it is now, whatever the
 * endpoint is attached to, looked up without a lock.
 *
 * <p>What was translated may be used until the section ends and no longer: a flush waits for the sections that are open, and
 * when it is over nobody uses what it covers. So sections are short: copies of at most {@link #MAX_SECTION_BYTES}, no disk, no waiting.
 */
public interface EndpointTranslation {
    /** The most that is copied within one section. */
    int MAX_SECTION_BYTES = 64 * 1024;

    /** Opens a section; give the answer to {@link #exit}. */
    int enter();

    /** Closes the section that {@link #enter} opened. */
    void exit(int section);

    /**
     * Looks up one bus address. Inside a section.
     *
     * @param iova bus address in bytes, unsigned
     * @param access {@link Access} bits that are needed, all of them
     * @param into takes the answer; untouched when there is none
     * @return false when the access is refused: blocked, not mapped, other rights, or mapped to something that is no memory
     */
    boolean translate(long iova, int access, Piece into);

    /**
     * A number that is another one once anything that {@link #translate} has said may be wrong: what was looked up at one value may
     * be used again, inside a new section, while the value is the same. A refusal is nothing to remember: a new mapping does not change
     * the value.
     */
    long generation();

    /**
     * Whether bus addresses are guest addresses now, because the endpoint bypasses translation: for whoever counts what went
     * which way. May be another answer at the next moment, and says nothing about any single address.
     */
    boolean isBypass();

    /** What a bus address leads to, and how far it goes on like that. */
    final class Piece {
        private long target;
        private long lengthBytes;

        /** Address in guest memory, in bytes. */
        public long target() {
            return target;
        }

        /** How many bytes from there on belong to consecutive bus addresses; at least 1, negative never: all 64 bits are cut to 2^63 - 1. */
        public long lengthBytes() {
            return lengthBytes;
        }

        /** Sets the answer. */
        public void set(long newTarget, long newLengthBytes) {
            target = newTarget;
            lengthBytes = newLengthBytes;
        }
    }
}
