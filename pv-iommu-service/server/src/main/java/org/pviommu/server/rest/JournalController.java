package org.pviommu.server.rest;

import io.micronaut.http.annotation.Controller;
import io.micronaut.http.annotation.Get;
import io.micronaut.http.annotation.QueryValue;
import io.micronaut.scheduling.TaskExecutors;
import io.micronaut.scheduling.annotation.ExecuteOn;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import org.pviommu.journal.Recovery;
import org.pviommu.journal.store.JournalStore;
import org.pviommu.journal.store.StoreStats;
import org.pviommu.server.IommuService;
import org.pviommu.server.Text;
import org.pviommu.server.records.BfnRange;
import org.pviommu.server.records.RecordSelection;
import org.pviommu.server.records.RecordView;
import org.pviommu.server.records.StatusTest;

/** What was recorded. */
@Controller("/api/v1/journal")
@ExecuteOn(TaskExecutors.BLOCKING)
class JournalController {
    /** Records in one answer: 512 with 16 runs of about 250 bytes each are 2 MiB. */
    static final int MAX_LIMIT = 512;

    private static final int MAX_CONTEXT = 0xffff;

    private final IommuService service;
    private final JournalFiles files;

    JournalController(IommuService service, JournalFiles files) {
        this.service = service;
        this.files = files;
    }

    /** The journal and how it is doing. */
    @Get
    JournalView journal() {
        if (service.recording().journal() == null) {
            return new JournalView("off", null, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, "fresh", 0, List.of());
        }
        JournalStore store = files.journal().store();
        StoreStats stats = store.stats();
        return new JournalView(
                lower(stats.state()),
                stats.failure().isEmpty() ? null : stats.failure().replaceAll("/\\S*", "(path)"),
                files.firstSequence(),
                stats.lastSequence(),
                stats.writtenSequence(),
                stats.syncedSequence(),
                stats.ringBytes(),
                stats.ringOccupiedBytes(),
                stats.ringPeakBytes(),
                stats.highWaterBytes(),
                stats.segments(),
                stats.bytes(),
                stats.waits(),
                stats.refusals(),
                stats.lost(),
                lower(store.openReport().state()),
                store.openReport().drainedRecords(),
                waiting());
    }

    private List<Long> waiting() {
        Recovery recovery = service.recording().recovery();
        return recovery == null
                ? List.of()
                : recovery.waiting().stream().map(guest -> (long) guest.id()).toList();
    }

    private static String lower(Enum<?> constant) {
        return constant.name().toLowerCase(Locale.ROOT);
    }

    /**
     * Records in ascending order, a part at a time. Of several filters all have to be met.
     *
     * @param from first sequence number of interest
     * @param limit most records to return, 1 to 512
     * @param guest guest id, decimal
     * @param context address space, decimal
     * @param bfn bus frame, or two with a dash between them, hex with 0x or decimal
     * @param status ok, failed, a name like EINVAL, or a number
     * @param since not before this time, like 2026-01-31T12:00:00Z
     * @param until not after this time
     */
    @Get("/records")
    RecordPage records(
            @QueryValue(defaultValue = "1") String from,
            @QueryValue(defaultValue = "100") String limit,
            @QueryValue @Nullable String guest,
            @QueryValue @Nullable String context,
            @QueryValue @Nullable String bfn,
            @QueryValue @Nullable String status,
            @QueryValue @Nullable String since,
            @QueryValue @Nullable String until) {
        RecordSelection wanted = new RecordSelection(
                guest == null ? null : (Integer) Refusal.canonicalId("guest", guest, Integer.MAX_VALUE),
                context == null ? null : (Integer) Refusal.canonicalId("context", context, MAX_CONTEXT),
                bfn == null ? null : Refusal.parsing(() -> BfnRange.parse(bfn)),
                status == null ? null : Refusal.parsing(() -> StatusTest.parse(status)),
                since == null ? Long.MIN_VALUE : millis("since", since),
                until == null ? Long.MAX_VALUE : millis("until", until));
        int records = Refusal.canonicalId("limit", limit, MAX_LIMIT);
        if (records == 0) {
            throw Refusal.badRequest("limit=0 min=1 max=" + MAX_LIMIT);
        }
        JournalFiles.Found found = files.find(sequence("from", from), records, wanted);
        Filters filters = new Filters(guest, context, bfn, status, since, until);
        return new RecordPage(found.records(), found.next() == 0 ? null : filters.path(found.next(), records));
    }

    /** The filters as they came, for the path of the next part. */
    private record Filters(
            @Nullable String guest,
            @Nullable String context,
            @Nullable String bfn,
            @Nullable String status,
            @Nullable String since,
            @Nullable String until) {

        String path(long from, int limit) {
            return "/api/v1/journal/records?from=" + from + "&limit=" + limit + part("guest", guest)
                    + part("context", context) + part("bfn", bfn) + part("status", status) + part("since", since)
                    + part("until", until);
        }

        private static String part(String name, @Nullable String value) {
            return value == null ? "" : "&" + name + "=" + URLEncoder.encode(value, StandardCharsets.UTF_8);
        }
    }

    /**
     * One record, with all of its operations.
     *
     * @param index its sequence number
     */
    @Get("/records/{index}")
    RecordView record(String index) {
        long sequence = sequence("index", index);
        RecordView view = files.one(sequence);
        if (view == null) {
            throw Refusal.notFound("index=" + sequence + " first=" + files.firstSequence() + " last="
                    + files.journal().store().lastSequence());
        }
        return view;
    }

    private static long sequence(String name, String text) {
        long sequence = Refusal.parsing(() -> Text.parseUnsigned(name, text, Long.MAX_VALUE));
        if (sequence == 0) {
            throw Refusal.badRequest(name + "=0 min=1");
        }
        return sequence;
    }

    private static long millis(String name, String text) {
        try {
            return Instant.parse(text).toEpochMilli();
        } catch (DateTimeParseException | ArithmeticException wrong) {
            throw Refusal.badRequest(name + "=" + Text.quote(text) + " is not like 2026-01-31T12:00:00Z");
        }
    }
}
