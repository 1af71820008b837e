package org.pviommu.engine;

import org.jspecify.annotations.Nullable;

/**
 * The translation of one endpoint, whatever it is bound to. It is bound under the guest's lock, before and after the host IOMMU is
 * told, so that it never leads further than the host's does.
 */
final class EndpointView implements EndpointTranslation {
    /** @param base what the generation is besides the source's removals */
    private record Binding(@Nullable TranslationSource source, long base) {
        long generation() {
            return source == null ? base : base + source.removals();
        }
    }

    private final ReaderGate readers;
    private volatile Binding binding = new Binding(null, 0);

    EndpointView(ReaderGate readers) {
        this.readers = readers;
    }

    /** Binds the endpoint to {@code source}, or blocks it. Sections that are open may still use what was before. */
    void bind(@Nullable TranslationSource source) {
        // Beyond whatever it was, since sources count on their own.
        long next = binding.generation() + 1;
        binding = new Binding(source, source == null ? next : next - source.removals());
    }

    @Override
    public int enter() {
        return readers.enter();
    }

    @Override
    public void exit(int section) {
        readers.exit(section);
    }

    @Override
    public boolean translate(long iova, int access, Piece into) {
        TranslationSource source = binding.source();
        return source != null && source.lookUp(iova, access, into);
    }

    @Override
    public boolean isBypass() {
        return binding.source() instanceof IdentitySpace;
    }

    @Override
    public long generation() {
        return binding.generation();
    }
}
