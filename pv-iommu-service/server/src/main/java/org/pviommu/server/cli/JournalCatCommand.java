package org.pviommu.server.cli;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.util.ArrayDeque;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.pviommu.journal.record.JournalRecord;
import org.pviommu.journal.record.RecordDecoder;
import org.pviommu.journal.store.JournalReader;
import org.pviommu.server.Json;
import org.pviommu.server.Text;
import org.pviommu.server.records.BfnRange;
import org.pviommu.server.records.RecordSelection;
import org.pviommu.server.records.RecordView;
import org.pviommu.server.records.RecordViews;
import org.pviommu.server.records.StatusTest;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code pvi journal cat}. */
@Command(
        name = "cat",
        mixinStandardHelpOptions = true,
        description = "Print records, oldest first. Of several filters all have to be met.",
        footerHeading = "%nExamples:%n",
        footer = {
            "  pvi journal cat -n 20 --run-dir /tmp/pvi            the newest 20",
            "  pvi journal cat -f --guest 1 --run-dir /tmp/pvi     and what guest 1 does from now on",
            "  pvi journal cat DIR --bfn 0x1000-0x10ff --status failed",
            "  pvi journal cat DIR --since 2026-01-31T12:00:00Z -o jsonl",
            "  pvi journal cat DIR --since 10m --from 5000 --to 6000"
        })
final class JournalCatCommand implements Callable<Integer> {
    private static final List<String> HEADER = List.of("SEQUENCE", "TIME", "WHAT");
    private static final int SEQUENCE_WIDTH = 9;
    private static final int TIME_WIDTH = 24;
    private static final int MAX_NEWEST = 1_000_000;
    private static final long POLL_MS = 100;

    @Mixin
    private JournalPlace place = new JournalPlace();

    @Parameters(paramLabel = "DIR", arity = "0..1", description = "The journal's directory.")
    private @Nullable Path directory;

    @Option(names = "--guest", paramLabel = "ID", description = "Of this guest.")
    private @Nullable Integer guest;

    @Option(names = "--context", paramLabel = "N", description = "About this address space.")
    private @Nullable Integer context;

    @Option(names = "--bfn", paramLabel = "BFN[-BFN]", description = "About these bus frames, hex with 0x or decimal.")
    private @Nullable String bfn;

    @Option(names = "--status", paramLabel = "STATUS", description = "ok, failed, a name like EINVAL, or a number.")
    private @Nullable String status;

    @Option(
            names = "--since",
            paramLabel = "TIME",
            description = "Not before: like 2026-01-31T12:00:00Z, or so long ago: 30s, 10m, 2h, 1d.")
    private @Nullable String since;

    @Option(names = "--until", paramLabel = "TIME", description = "Not after.")
    private @Nullable String until;

    @Option(names = "--from", paramLabel = "N", description = "From this sequence number on.")
    private @Nullable Long from;

    @Option(names = "--to", paramLabel = "N", description = "Up to and with this sequence number.")
    private long to = Long.MAX_VALUE;

    @Option(
            names = {"-n", "--newest"},
            paramLabel = "N",
            description = "Only the newest N of those, up to 1000000.")
    private @Nullable Integer newest;

    @Option(
            names = {"-f", "--follow"},
            description = "Go on with what is written from now on, until Ctrl-C.")
    private boolean follow;

    private long printed;

    @Override
    public Integer call() {
        if (newest != null && (newest < 1 || newest > MAX_NEWEST)) {
            throw CommandException.usage("-n=" + newest + " min=1 max=" + MAX_NEWEST);
        }
        if (follow && place.output() == JournalPlace.Output.json) {
            throw CommandException.usage("-f never ends, and -o json is one object; use -o jsonl");
        }
        RecordSelection wanted = selection();
        try (JournalReader reader = open(place.directory(directory))) {
            begin();
            existing(reader, wanted);
            place.out().flush();
            follow(reader, wanted);
            end();
        }
        return ExitCode.DONE;
    }

    private JournalReader open(Path where) {
        return from == null ? JournalReader.open(where) : JournalReader.open(where, from);
    }

    /** Whoever wants only the newest waits for the end; the others see each record when it was read. */
    private void existing(JournalReader reader, RecordSelection wanted) {
        ArrayDeque<RecordView> last = new ArrayDeque<>();
        RecordView view = next(reader, wanted);
        while (view != null) {
            if (newest == null) {
                print(view);
            } else {
                if (last.size() == newest) {
                    last.removeFirst();
                }
                last.addLast(view);
            }
            view = next(reader, wanted);
        }
        last.forEach(this::print);
    }

    private void follow(JournalReader reader, RecordSelection wanted) {
        try {
            while (follow && reader.sequence() < to) {
                RecordView view = next(reader, wanted);
                if (view == null) {
                    place.out().flush();
                    Thread.sleep(POLL_MS);
                } else {
                    print(view);
                }
            }
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
        }
    }

    /** The next record that is wanted; null at the end. */
    private @Nullable RecordView next(JournalReader reader, RecordSelection wanted) {
        while (reader.sequence() < to && reader.next()) {
            boolean inRange = (from == null || reader.sequence() >= from) && reader.sequence() <= to;
            if (inRange && wanted.acceptsTime(reader.timeMillis())) {
                JournalRecord record = RecordDecoder.decode(reader.kind(), reader.payload());
                if (wanted.accepts(record)) {
                    return RecordViews.of(reader.sequence(), reader.timeMillis(), record, Integer.MAX_VALUE);
                }
            }
        }
        return null;
    }

    private void begin() {
        PrintWriter out = place.out();
        switch (place.output()) {
            case table -> out.println(line(HEADER.get(0), HEADER.get(1), HEADER.get(2)));
            case json -> out.print("{\"records\":[");
            case jsonl -> {}
        }
    }

    /** Fixed widths: a line is printed before the next one is known. */
    private static String line(String sequence, String time, String what) {
        return pad(sequence, SEQUENCE_WIDTH) + "  " + pad(time, TIME_WIDTH) + "  " + what;
    }

    private static String pad(String text, int width) {
        return text + " ".repeat(Math.max(width - text.length(), 0));
    }

    private void print(RecordView view) {
        PrintWriter out = place.out();
        switch (place.output()) {
            case table -> out.println(line(Long.toString(view.sequence()), view.time(), view.text()));
            case json -> out.print((printed == 0 ? "" : ",") + Json.write(view));
            case jsonl -> out.println(Json.write(view));
        }
        printed++;
    }

    private void end() {
        if (place.output() == JournalPlace.Output.json) {
            place.out().println("]}");
        }
        place.out().flush();
    }

    private RecordSelection selection() {
        try {
            return new RecordSelection(
                    guest,
                    context,
                    bfn == null ? null : BfnRange.parse(bfn),
                    status == null ? null : StatusTest.parse(status),
                    since == null ? Long.MIN_VALUE : millis("since", since),
                    until == null ? Long.MAX_VALUE : millis("until", until));
        } catch (IllegalArgumentException wrong) {
            throw CommandException.usage("--" + wrong.getMessage());
        }
    }

    private static long millis(String name, String text) {
        try {
            return text.endsWith("Z")
                    ? Instant.parse(text).toEpochMilli()
                    : System.currentTimeMillis() - ago(text).toMillis();
        } catch (DateTimeParseException | ArithmeticException wrong) {
            throw new IllegalArgumentException(
                    name + "=" + Text.quote(text) + " is neither like 2026-01-31T12:00:00Z nor like 30s, 10m, 2h, 1d",
                    wrong);
        }
    }

    private static Duration ago(String text) {
        return Duration.parse((text.endsWith("d") ? "P" : "PT") + text);
    }
}
