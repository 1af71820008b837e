package org.pviommu.server.rest;

import io.micronaut.http.HttpRequest;
import io.micronaut.http.exceptions.HttpStatusException;
import jakarta.inject.Singleton;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.pviommu.engine.EngineException;
import org.pviommu.journal.Journal;
import org.pviommu.journal.store.JournalException;
import org.pviommu.journal.store.StoreState;
import org.pviommu.server.IommuService;

/** Makes changes for whoever asked over REST: their name is recorded, and a refusal says what had been recorded until then. */
@Singleton
final class Operator {
    private static final System.Logger LOG = System.getLogger(Operator.class.getName());

    private final IommuService service;

    Operator(IommuService service) {
        this.service = service;
    }

    void change(HttpRequest<?> request, Runnable change, Function<EngineException, HttpStatusException> refusal) {
        change(
                request,
                () -> {
                    change.run();
                    return true;
                },
                refusal);
    }

    <T> T change(HttpRequest<?> request, Supplier<T> change, Function<EngineException, HttpStatusException> refusal) {
        requireJournal();
        long before = lastSequence();
        try {
            return ScopedValue.where(Journal.CALLER, Peer.name(request)).call(change::get);
        } catch (EngineException refused) {
            HttpStatusException answer = refusal.apply(refused);
            throw new Refused(answer.getStatus(), String.valueOf(answer.getMessage()), recordedSince(before));
        } catch (JournalException failed) {
            LOG.log(System.Logger.Level.ERROR, "not recorded", failed);
            throw new Refused(
                    Refusal.unavailable("").getStatus(),
                    "the journal failed during this request; the log says why",
                    recordedSince(before));
        }
    }

    /** A journal that has failed takes nothing any more, and nothing may happen that it does not have. */
    private void requireJournal() {
        Journal journal = service.recording().journal();
        if (journal != null && journal.store().stats().state() == StoreState.FAILED) {
            throw Refusal.unavailable("the journal has failed, state=FAILED; the log says why");
        }
    }

    private @Nullable Long recordedSince(long before) {
        long last = lastSequence();
        return last > before ? last : null;
    }

    /** The journal's last record; 0 when nothing is recorded. */
    long lastSequence() {
        Journal journal = service.recording().journal();
        return journal == null ? 0 : journal.store().lastSequence();
    }
}
