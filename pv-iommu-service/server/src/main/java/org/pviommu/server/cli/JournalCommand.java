package org.pviommu.server.cli;

import java.nio.file.Path;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.pviommu.journal.record.RecordKind;
import org.pviommu.journal.store.JournalReader;
import org.pviommu.journal.store.JournalVerifier;
import org.pviommu.journal.store.VerifyReport;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** {@code pvi journal}. */
@Command(
        name = "journal",
        mixinStandardHelpOptions = true,
        subcommands = JournalCatCommand.class,
        description = {
            "What the service recorded. Reads the journal's directory: no service is needed, and one that runs is not",
            "disturbed. What it has not written yet (some milliseconds) and what a killed one left in its ring is not",
            "seen until it is written, or until the next start."
        })
final class JournalCommand {

    @Command(
            name = "info",
            mixinStandardHelpOptions = true,
            description = "What is in a journal: records by kind, from when to when, in how many segments.",
            footer = {
                "",
                "Examples: pvi journal info --run-dir /tmp/pvi",
                "          pvi journal info /tmp/pvi/journal -o json"
            })
    int info(
            @Mixin JournalPlace place,
            @Parameters(paramLabel = "DIR", arity = "0..1", description = "The journal's directory.") @Nullable
                    Path directory) {
        Path where = place.directory(directory);
        try (JournalReader reader = JournalReader.open(where)) {
            place.print(info(where, reader));
        }
        return ExitCode.DONE;
    }

    private static Map<String, @Nullable Object> info(Path where, JournalReader reader) {
        Map<String, Object> kinds = new TreeMap<>();
        Set<String> segments = new TreeSet<>();
        long records = 0;
        long firstMillis = 0;
        long lastMillis = 0;
        while (reader.next()) {
            lastMillis = reader.timeMillis();
            firstMillis = records++ == 0 ? lastMillis : firstMillis;
            segments.add(reader.segment());
            kinds.merge(
                    RecordKind.of(reader.kind()).name().toLowerCase(Locale.ROOT), 1L, (a, b) -> (Long) a + (Long) b);
        }
        Map<String, @Nullable Object> info = new LinkedHashMap<>();
        info.put("directory", where.toString());
        info.put("firstSequence", reader.firstSequence());
        info.put("lastSequence", reader.sequence());
        info.put("records", records);
        info.put("kinds", kinds);
        info.put(
                "firstTime",
                records == 0 ? null : Instant.ofEpochMilli(firstMillis).toString());
        info.put(
                "lastTime",
                records == 0 ? null : Instant.ofEpochMilli(lastMillis).toString());
        info.put("segments", segments.size());
        info.put("tornTail", reader.tornTail().isEmpty() ? null : reader.tornTail());
        return info;
    }

    @Command(
            name = "verify",
            mixinStandardHelpOptions = true,
            description = {
                "Check every byte of a journal: checksums, numbers without gaps, nothing missing at the end.",
                "Exit code 1 when it is damaged; names the segment and the first record that cannot be trusted."
            },
            footer = {"", "Example: pvi journal verify /tmp/pvi/journal"})
    int verify(
            @Mixin JournalPlace place,
            @Parameters(paramLabel = "DIR", arity = "0..1", description = "The journal's directory.") @Nullable
                    Path directory) {
        VerifyReport report = verified(place.directory(directory));
        VerifyReport.Damage damage = report.damage();
        Map<String, @Nullable Object> answer = new LinkedHashMap<>();
        answer.put("result", damage == null ? "good" : "damaged");
        answer.put("records", report.records());
        answer.put("firstSequence", report.firstSequence());
        answer.put("lastSequence", report.lastSequence());
        answer.put("bytes", report.bytes());
        answer.put("onDiskUpTo", report.highWater());
        answer.put("unsealedSegment", report.unsealed().isEmpty() ? null : report.unsealed());
        answer.put("tornTail", report.tornTail().isEmpty() ? null : report.tornTail());
        answer.put("damage", damage == null ? null : damage(damage));
        place.print(answer);
        if (damage != null) {
            throw CommandException.refused(JournalPlace.damage(damage.file(), damage.sequence(), damage.what()));
        }
        return ExitCode.DONE;
    }

    /** A service that runs may complete or delete a file meanwhile, which looks like damage once; damage stays. */
    private static VerifyReport verified(Path directory) {
        VerifyReport report = JournalVerifier.verify(directory);
        return report.ok() ? report : JournalVerifier.verify(directory);
    }

    private static Map<String, @Nullable Object> damage(VerifyReport.Damage damage) {
        Map<String, @Nullable Object> object = new LinkedHashMap<>();
        object.put("segment", damage.file());
        object.put("firstBadRecord", damage.sequence());
        object.put("what", damage.what());
        return object;
    }
}
