package org.pviommu.server.cli;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code pvi grant}. */
@Command(name = "grant", mixinStandardHelpOptions = true, description = "Frames of one guest that another one may map.")
final class GrantCommand {
    private static final List<String> HEADER =
            List.of("OWNER", "FIRST-MFN", "LAST-MFN", "GRANTEE", "ITS-FIRST", "ITS-LAST", "ACCESS", "REVOKED", "HOLDS");
    private static final List<String> FIELDS = List.of(
            "owner",
            "firstMfn",
            "lastMfn",
            "grantee",
            "granteeFirstMfn",
            "granteeLastMfn",
            "access",
            "revoked",
            "holds");

    @Command(
            name = "list",
            mixinStandardHelpOptions = true,
            description = "Grants, of all guests or of one: what it has given, then what it has received.",
            footer = {
                "",
                "Examples: pvi grant list --run-dir /tmp/pvi",
                "          pvi grant list 1 -o json --run-dir /tmp/pvi"
            })
    int list(
            @Mixin Connection connection,
            @Parameters(paramLabel = "GUEST", arity = "0..1", description = "Guest id. Default: all.") @Nullable
                    String guest) {
        if (guest == null) {
            connection.show("/api/v1/grants", HEADER, answer -> Table.rows(answer, "grants", FIELDS));
        } else {
            connection.show(path(guest), HEADER, GrantCommand::bothViews);
        }
        return ExitCode.DONE;
    }

    @Command(
            name = "give",
            mixinStandardHelpOptions = true,
            description = "Let GRANTEE map frames of OWNER. Whether it accepts grants of OWNER is not asked.",
            footer = {
                "",
                "Examples: pvi grant give 1 0x100 16 2 0x80000 --run-dir /tmp/pvi",
                "          pvi grant give 1 0x100 16 2 0x80000 --read-only"
            })
    int give(
            @Mixin Connection connection,
            @Parameters(paramLabel = "OWNER", description = "Guest id.") String owner,
            @Parameters(paramLabel = "MFN", description = "First frame, by the owner's numbers.") String firstMfn,
            @Parameters(paramLabel = "PAGES", description = "How many.") long pages,
            @Parameters(paramLabel = "GRANTEE", description = "Guest id.") int grantee,
            @Parameters(paramLabel = "GRANTEE-MFN", description = "First frame, by the grantee's numbers.")
                    String granteeFirstMfn,
            @Option(names = "--read-only", description = "Its devices may not write.") boolean readOnly) {
        Map<String, Object> body = new LinkedHashMap<>();
        body.put("firstMfn", firstMfn);
        body.put("pages", pages);
        body.put("grantee", grantee);
        body.put("granteeFirstMfn", granteeFirstMfn);
        body.put("access", readOnly ? "r-" : "rw");
        try (RestClient client = connection.open()) {
            connection.print(client.post(path(owner), body), HEADER, answer -> List.of(row(answer)));
        }
        return ExitCode.DONE;
    }

    @Command(
            name = "revoke",
            mixinStandardHelpOptions = true,
            description = {
                "Take a grant back: GRANTEE maps nothing new through it.",
                "Exit code 1 also when the host IOMMU did not let go of all that --force unmapped; try again then."
            },
            footer = {
                "",
                "Examples: pvi grant revoke 1 2 0x80000 --run-dir /tmp/pvi",
                "          pvi grant revoke 1 2 0x80000 --force"
            })
    int revoke(
            @Mixin Connection connection,
            @Parameters(paramLabel = "OWNER", description = "Guest id.") String owner,
            @Parameters(paramLabel = "GRANTEE", description = "Guest id.") int grantee,
            @Parameters(paramLabel = "GRANTEE-MFN", description = "First frame of the grant, by the grantee's numbers.")
                    String granteeFirstMfn,
            @Option(names = "--force", description = "Unmap and flush what it has mapped, too.") boolean force) {
        Map<String, Object> body = new LinkedHashMap<>();
        body.put("grantee", grantee);
        body.put("granteeFirstMfn", granteeFirstMfn);
        body.put("force", force);
        try (RestClient client = connection.open()) {
            connection.print(client.post(path(owner) + "/revoke", body), HEADER, GrantCommand::bothViews);
        }
        return ExitCode.DONE;
    }

    private static String path(String guest) {
        return "/api/v1/guests/" + Paths.encode(guest) + "/grants";
    }

    private static List<List<String>> bothViews(Map<String, @Nullable Object> answer) {
        return Stream.of("given", "received")
                .flatMap(view -> Table.rows(answer, view, FIELDS).stream())
                .toList();
    }

    private static List<String> row(Map<String, @Nullable Object> grant) {
        return FIELDS.stream().map(field -> Table.cell(grant, field)).toList();
    }
}
