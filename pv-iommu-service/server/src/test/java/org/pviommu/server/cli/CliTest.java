package org.pviommu.server.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.StringTokenizer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.pviommu.server.Json;
import org.pviommu.server.TestGuest;
import org.pviommu.server.TestService;
import org.pviommu.server.config.ServiceSettings;
import org.pviommu.server.run.RunFiles;

class CliTest {
    @SuppressWarnings("NullAway.Init") // set before the first test
    private static TestService service;

    @SuppressWarnings("NullAway.Init") // set before the first test
    private static TestGuest guest;

    @TempDir
    Path temporary;

    private record Result(int code, String out, String err) {}

    @BeforeAll
    static void start() {
        service = TestService.start(ServiceSettings.defaults());
        guest = TestGuest.connect(service, 3, 64);
        guest.map(0x10, 0, 16, TestGuest.READ_WRITE);
    }

    @AfterAll
    static void stop() {
        guest.close();
        service.close();
    }

    @Test
    void shouldShowTables() {
        assertEquals(
                List.of(
                        "GUEST  CONTEXT  MAPPED  OWED  LAST-BFN   ENDPOINTS",
                        "3      0        16      0     0x7ffffff  0003:00:01.0"),
                pvi("space", "list").out().lines().toList());
        assertEquals(
                List.of("FIRST-BFN  LAST-BFN  FIRST-MFN  PAGES  ACCESS", "0x10       0x1f      0x0        16     rw"),
                pvi("space", "dump", "3").out().lines().toList());
        assertEquals(
                List.of("IOVA     BFN   MFN  ADDRESS  ACCESS", "0x12345  0x12  0x2  0x2345   rw"),
                pvi("translate", "3", "0x12345").out().lines().toList());
        assertTrue(pvi("lookup", "3", "18").out().lines().toList().get(1).startsWith("0x12000 "));
        assertTrue(pvi("guest", "list").out().contains("0003:00:01.0"));
        assertTrue(pvi("endpoint", "list").out().contains("0003:00:01.0"));
        assertTrue(pvi("stats").out().contains("mappedFrames"));
        assertTrue(pvi("version").out().contains("ringProtocol"));
    }

    @Test
    void shouldGiveListAndRevokeGrants() {
        try (TestGuest grantee = TestGuest.connect(service, 5, 64)) {
            Result given = pvi("grant", "give", "3", "4", "8", "5", "0x100", "--read-only");

            String header = "OWNER FIRST-MFN LAST-MFN GRANTEE ITS-FIRST ITS-LAST ACCESS REVOKED HOLDS";
            String row = "3 0x4 0xb 5 0x100 0x107 r- ";
            assertEquals(List.of(header, row + "false 0"), lines(given));
            grantee.map(0x30, 0x100, 2, TestGuest.READ);
            List<String> held = List.of(header, row + "false 2");
            assertEquals(held, lines(pvi("grant", "list")));
            assertEquals(held, lines(pvi("grant", "list", "3")));
            assertEquals(held, lines(pvi("grant", "list", "5")));
            assertEquals(
                    service.get("/api/v1/guests/5/grants").body() + System.lineSeparator(),
                    pvi("grant", "list", "5", "-o", "json").out());
            assertEquals(List.of(header, row + "true 2"), lines(pvi("grant", "revoke", "3", "5", "0x100")));
            assertEquals(List.of(header, row + "true 0"), lines(pvi("grant", "revoke", "3", "5", "0x100", "--force")));
            Result refused = pvi("grant", "revoke", "5", "3", "0x100");
            assertEquals(ExitCode.REFUSED, refused.code());
            assertTrue(refused.err().contains("guest=5 has granted nothing at mfn=256 of guest=3"), refused.err());
        }
    }

    /** Without the padding. */
    private static List<String> lines(Result result) {
        assertEquals(ExitCode.DONE, result.code(), result.err());
        return result.out().lines().map(line -> line.replaceAll(" +", " ")).toList();
    }

    @Test
    void shouldPrintTheServicesJson() {
        assertEquals(
                service.get("/api/v1/address-spaces").body() + System.lineSeparator(),
                pvi("space", "list", "-o", "json").out());
    }

    @Test
    void shouldDoDma() {
        Result written = pvi("dma", "write", "0003:00:01.0", "0x10000", "c0ffee");
        Result read = pvi("dma", "read", "0003:00:01.0", "0x10000", "3", "-o", "json");

        assertEquals(ExitCode.DONE, written.code(), written.err());
        assertEquals("c0ffee", Json.object(read.out()).get("data"));
    }

    @Test
    void shouldTellByItsExitCodeThatTheHostRefused() {
        Result refused = pvi("dma", "read", "0003:00:01.0", "0x0", "3");

        assertEquals(ExitCode.REFUSED, refused.code());
        assertTrue(refused.out().contains("read@0x0"), refused.out());
    }

    @Test
    void shouldSayWhatTheServiceRefused() {
        Result refused = pvi("space", "dump", "4");

        assertEquals(ExitCode.REFUSED, refused.code());
        assertEquals("pvi: Not Found: guest=4 is not connected", refused.err().strip());
        assertEquals(ExitCode.REFUSED, pvi("space", "dump", "../../x").code());
        assertEquals(ExitCode.REFUSED, pvi("lookup", "3", "0x10&x=1").code());
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "frobnicate",
                "guest",
                "guest frob",
                "space dump",
                "stats -o xml",
                "dma read 1 2 x",
                "grant",
                "grant give 1 2 3 4",
                "grant give 1 2 x 4 5",
                "grant revoke 1 2",
                "serve --http-port x",
                "serve --http-port 65536",
                "serve --plant nonsense",
                "serve --host nonsense",
                "serve --endpoint 1=nonsense",
                "serve --endpoint one=0000:01:00.0",
                "doctor nonsense",
                "demo --break nothing"
            })
    void shouldExitWith2OnMisuse(String line) {
        List<String> words = words(line);
        boolean serve = line.startsWith("serve");

        Result result = serve ? run(with(words, temporary.resolve("run"))) : run(words);

        assertEquals(ExitCode.USAGE, result.code(), result.err());
        assertTrue(!result.err().isEmpty());
    }

    @Test
    void shouldExitWith2OnAWrongConfiguration() throws IOException {
        Path config = Files.writeString(temporary.resolve("pvi.yaml"), "guests: {1: {enabeld: true}}");

        Result result =
                run(List.of("serve", "--run-dir", temporary.resolve("run").toString(), "--config", config.toString()));

        assertEquals(ExitCode.USAGE, result.code());
        assertTrue(result.err().startsWith("pvi: unknown key guests.1.enabeld=true"), result.err());
    }

    @Test
    @Timeout(60) // a service that starts after all would run until it is told to stop
    void shouldSayInOneLineWhatTheHostLacks() {
        Result result = run(
                with(words("serve --no-journal --host iommufd --endpoint 1=ffff:ff:1f.7"), temporary.resolve("run")));

        assertEquals(ExitCode.REFUSED, result.code());
        assertEquals(1, result.err().lines().count(), result.err());
        assertTrue(result.err().startsWith("pvi: host=iommufd: "), result.err());
    }

    @Test
    void shouldInspectTheHostWithoutAService() {
        Result machine = run(List.of("doctor"));
        assertEquals(ExitCode.DONE, machine.code());
        assertTrue(machine.out().contains("verdict"), machine.out());

        Result device = run(List.of("doctor", "ffff:ff:1f.7"));
        assertEquals(ExitCode.REFUSED, device.code());
        assertTrue(device.out().contains("there is no PCI device ffff:ff:1f.7"), device.out());
    }

    @Test
    void shouldExitWith1OnATakenRunDirectory() {
        Result result = run(List.of("serve", "--run-dir", service.runDir().toString()));

        assertEquals(ExitCode.REFUSED, result.code());
        assertTrue(result.err().contains("is in use by another service"), result.err());
        assertEquals(200, service.get("/api/v1/health").statusCode());
    }

    @Test
    @Timeout(60) // a service that starts after all would run until it is told to stop
    void shouldSayInOneLineWhereItCannotListen() throws IOException {
        String file = Files.createFile(temporary.resolve("file")).toString();
        String port = service.service().http().url().replaceAll(".*:", "");

        for (List<String> words : List.of(
                List.of("serve", "--ring", "/nowhere/ring.sock"),
                List.of("serve", "--ring", file),
                List.of("serve", "--ring", "/" + "x".repeat(200)),
                List.of(
                        "serve",
                        "--ring",
                        service.runDir().resolve(RunFiles.RING_SOCKET).toString()),
                List.of("serve", "--http-port", port))) {
            Result result = run(with(words, temporary.resolve("run")));

            assertEquals(ExitCode.REFUSED, result.code(), result.err());
            assertEquals(1, result.err().lines().count(), result.err());
            assertTrue(result.err().contains(words.getLast()), result.err());
        }
    }

    @Test
    void shouldExitWith3WhenNobodyIsThere() throws IOException {
        Result never = run(with(List.of("stats"), temporary));
        assertEquals(ExitCode.UNREACHABLE, never.code());
        assertTrue(never.err().contains("pvi serve --run-dir"), never.err());

        Files.writeString(temporary.resolve(RunFiles.READY), "not JSON");
        assertEquals(
                ExitCode.UNREACHABLE, run(with(List.of("stats"), temporary)).code());

        Files.writeString(temporary.resolve(RunFiles.READY), "{\"http\":\"http://127.0.0.1:1\"}");
        Files.writeString(temporary.resolve(RunFiles.TOKEN), "x");
        assertEquals(
                ExitCode.UNREACHABLE, run(with(List.of("stats"), temporary)).code());
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "--help",
                "--version",
                "serve --help",
                "demo --help",
                "space dump --help",
                "dma write --help",
                "grant give --help",
                "grant revoke --help",
                "doctor --help",
                "help lookup"
            })
    void shouldHelp(String line) {
        Result result = run(words(line));

        assertEquals(ExitCode.DONE, result.code());
        assertTrue(!result.out().isEmpty());
    }

    private static List<String> words(String line) {
        return Collections.list(new StringTokenizer(line)).stream()
                .map(String::valueOf)
                .toList();
    }

    private static Result pvi(String... words) {
        return run(with(List.of(words), service.runDir()));
    }

    private static List<String> with(List<String> words, Path runDir) {
        List<String> all = new ArrayList<>(words);
        all.add("--run-dir");
        all.add(runDir.toString());
        return all;
    }

    private static Result run(List<String> words) {
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        int code = PviCommand.run(new PrintWriter(out), new PrintWriter(err), words.toArray(String[]::new));
        return new Result(code, out.toString(), err.toString());
    }
}
