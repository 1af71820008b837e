package org.pviommu.journal.store;

import java.io.IOException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** Checks a whole journal without changing it: every byte of complete files, every record of the last one. */
public final class JournalVerifier {

    private JournalVerifier() {}

    /**
     * Checks a journal. It should not be open for writing meanwhile: files that are completed or deleted during the check may be
     * reported as missing.
     *
     * @throws JournalException when there is no journal, or no access to it
     */
    public static VerifyReport verify(Path directory) {
        Inspection inspection = new Inspection(directory);
        VerifyReport.Damage damage = null;
        try {
            inspection.run();
        } catch (JournalDamagedException e) {
            damage = new VerifyReport.Damage(e.file(), e.sequence(), String.valueOf(e.getMessage()));
        } catch (IOException e) {
            throw new JournalException("journal directory=" + directory + " cannot be read: " + e, e);
        }
        if (damage == null && inspection.manifest() == null) {
            throw new JournalException("directory=" + directory + " holds no journal");
        }
        return report(inspection, damage);
    }

    private static VerifyReport report(Inspection inspection, VerifyReport.@Nullable Damage damage) {
        Manifest manifest = inspection.manifest();
        HighWater.Mark mark = inspection.mark();
        Manifest.Open open = manifest == null ? null : manifest.open();
        return new VerifyReport(
                damage,
                inspection.records(),
                inspection.bytes(),
                manifest == null ? 1 : manifest.deleted().lastSequence() + 1,
                inspection.lastSequence(),
                mark == null ? 0 : mark.sequence(),
                open == null ? "" : open.name(),
                inspection.tornTail());
    }
}
