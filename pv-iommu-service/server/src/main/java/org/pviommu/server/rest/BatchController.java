package org.pviommu.server.rest;

import io.micronaut.http.HttpRequest;
import io.micronaut.http.annotation.Body;
import io.micronaut.http.annotation.Controller;
import io.micronaut.http.annotation.Post;
import io.micronaut.scheduling.TaskExecutors;
import io.micronaut.scheduling.annotation.ExecuteOn;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import org.pviommu.abi.IommuOp;
import org.pviommu.abi.IommuStatus;
import org.pviommu.engine.BatchPlayer;
import org.pviommu.engine.Guest;
import org.pviommu.server.IommuService;

/** Batches that the operator applies for a guest, on the path of the guest's own calls from their check on. */
@Controller("/api/v1/guests/{id}/batches")
@ExecuteOn(TaskExecutors.BLOCKING)
class BatchController {
    private static final int MAX_CONTEXT = 0xffff;

    private final IommuService service;
    private final Lookup lookup;
    private final Operator operator;

    BatchController(IommuService service, Lookup lookup, Operator operator) {
        this.service = service;
        this.lookup = lookup;
        this.operator = operator;
    }

    /**
     * Applies a batch for a guest: checked, flushed and recorded like its own calls, with the name of who asked.
     *
     * @param id guest id, decimal
     * @param request the operations
     * @param http the request itself
     */
    @Post
    BatchResult apply(String id, @Body BatchRequest request, HttpRequest<?> http) {
        Guest guest = lookup.guest(id);
        int context = request.context() == null ? 0 : request.context();
        if (context < 0 || context > MAX_CONTEXT) {
            throw Refusal.badRequest("context=" + context + " min=0 max=" + MAX_CONTEXT);
        }
        boolean deferred = Boolean.TRUE.equals(request.defer());
        try (Arena arena = Arena.ofConfined()) {
            BatchArray array = BatchArray.of(request.operations(), arena);
            return operator.change(http, () -> play(guest.id(), context, array, deferred), Refusal::of);
        }
    }

    private BatchResult play(int guest, int context, BatchArray array, boolean deferred) {
        try (BatchPlayer player = new BatchPlayer(service.engine())) {
            player.begin(guest, context, array.subOp(), deferred);
            player.slice(array.elements(), array.count(), true);
            boolean complete = player.finish();
            if (player.hadNoRoom()) {
                throw Refusal.unavailable("the journal had no room, nothing was done: operations=" + array.count());
            }
            List<OperationOutcome> outcomes = outcomes(player, array);
            int failed = (int)
                    outcomes.stream().filter(outcome -> outcome.status() != 0).count();
            long last = operator.lastSequence();
            return new BatchResult(guest, context, failed, complete, outcomes, last == 0 ? null : (Long) last);
        }
    }

    private static List<OperationOutcome> outcomes(BatchPlayer player, BatchArray array) {
        boolean range = array.subOp() == IommuOp.MAP_RANGE || array.subOp() == IommuOp.UNMAP_RANGE;
        List<OperationOutcome> outcomes = new ArrayList<>();
        for (int i = 0; i < array.count(); i++) {
            int status = player.status(i);
            outcomes.add(
                    new OperationOutcome(status, IommuStatus.name(status), range ? (Long) player.nrDone(i) : null));
        }
        return outcomes;
    }
}
