package org.pviommu.server.cli;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;
import org.pviommu.server.EndpointId;
import org.pviommu.server.Logging;
import org.pviommu.server.Plant;
import org.pviommu.server.RunningService;
import org.pviommu.server.config.ConfigException;
import org.pviommu.server.config.ConfigFile;
import org.pviommu.server.config.DeviceConfig;
import org.pviommu.server.config.DeviceText;
import org.pviommu.server.config.HostConfig;
import org.pviommu.server.config.JournalConfig;
import org.pviommu.server.config.ServiceSettings;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code pvi serve}. */
@Command(
        name = "serve",
        mixinStandardHelpOptions = true,
        description = "Start the service and run until SIGTERM or Ctrl-C, then stop cleanly with exit code 0.",
        footerHeading = "%nExamples:%n",
        footer = {
            "  pvi serve --run-dir /tmp/pvi",
            "  pvi serve --run-dir /tmp/pvi --http-port 8080 --config pvi.yaml",
            "  pvi serve --run-dir /run/pvi --host iommufd --endpoint 1=0000:01:00.0",
            "  pvi serve --run-dir /tmp/pvi --vhost-user-iommu /tmp/iommu.sock --vhost-user-blk 0x30,/tmp/disk.sock,disk.img",
            "",
            "Configuration keys: docs/operating.md. HTTP listens on 127.0.0.1 and DIR/api.sock only."
        })
final class ServeCommand implements Callable<Integer> {
    private static final int MAX_PORT = 65_535;

    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it before the command runs
    private CommandSpec spec;

    @Option(
            names = "--run-dir",
            paramLabel = "DIR",
            defaultValue = "${env:PVI_RUN_DIR}",
            description = "Directory for sockets, token, pid and lock; made with mode 0700 (or PVI_RUN_DIR).")
    private @Nullable Path runDir;

    @Option(
            names = "--http-port",
            paramLabel = "N",
            description = "Port on 127.0.0.1; 0, the default, is any free one.")
    private @Nullable Integer httpPort;

    @Option(names = "--ring", paramLabel = "PATH", description = "Socket for guests. Default: DIR/ring.sock.")
    private @Nullable Path ring;

    @Option(
            names = "--journal",
            paramLabel = "DIR",
            description = "Where everything is recorded. Default: RUN_DIR/journal.")
    private @Nullable Path journal;

    @Option(names = "--no-journal", description = "Record nothing; after a restart guests have to begin anew.")
    private boolean noJournal;

    @Option(names = "--config", paramLabel = "FILE", description = "Guests, quotas and backend, YAML.")
    private @Nullable Path config;

    @Option(
            names = "--host",
            paramLabel = "KIND",
            description = "Host IOMMU: simulated (default), iommufd, vfio-type1. What this machine can do: pvi doctor.")
    private @Nullable String host;

    @Option(
            names = "--endpoint",
            paramLabel = "GUEST=ADDRESS",
            description =
                    "A device for a guest, 1=0000:01:00.0; may be repeated. With a real host its driver must be vfio-pci.")
    private Map<Integer, String> endpoints = Map.of();

    @Option(
            names = "--vhost-user-iommu",
            paramLabel = "SOCK[,KEY=VALUE...]",
            description =
                    "A virtio-iommu for a virtual machine; may be repeated. Keys: guest=ID (1), profile=virtio-1.2|draft-0.11,"
                            + " input-range=FIRST-LAST, endpoints=EP[-EP][+...], bypass=on|off, bypass-config=on|off. See docs/qemu.md.")
    private List<String> iommus = List.of();

    @Option(
            names = "--vhost-user-blk",
            paramLabel = "EP,SOCK,IMAGE[,guest=ID]",
            description = "A disk for a virtual machine, as endpoint EP behind its IOMMU; may be repeated.")
    private List<String> disks = List.of();

    @Option(
            names = "--vhost-user-hypercall",
            paramLabel = "SOCK[,guest=ID]",
            description = "Hypercalls from a virtual machine's kernel; may be repeated.")
    private List<String> hypercalls = List.of();

    @Option(names = "--plant", paramLabel = "FAULT", hidden = true, description = "For the demonstration only.")
    private @Nullable String plant;

    @Override
    public Integer call() throws InterruptedException {
        if (runDir == null) {
            throw CommandException.usage("where? give --run-dir DIR or set PVI_RUN_DIR");
        }
        Logging.configure();
        RunningService service = RunningService.start(runDir, settings(), planted());
        CountDownLatch stopped = new CountDownLatch(1);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> stop(service), "pvi-stop"));
        PrintWriter out = spec.commandLine().getOut();
        out.println("pvi: ready " + service.addresses());
        out.flush();
        stopped.await();
        return ExitCode.DONE;
    }

    private ServiceSettings settings() {
        HostConfig.Kind kind = host();
        ServiceSettings settings = config == null ? ServiceSettings.defaults() : ConfigFile.read(config, kind);
        if (kind != null) {
            settings = settings.withHost(settings.host().of(kind));
        }
        for (Map.Entry<Integer, String> endpoint : endpoints.entrySet()) {
            settings = settings.withEndpoint(endpoint.getKey(), endpoint(endpoint.getValue()));
        }
        if (httpPort != null) {
            if (httpPort < 0 || httpPort > MAX_PORT) {
                throw CommandException.usage("--http-port=" + httpPort + " min=0 max=" + MAX_PORT);
            }
            settings = settings.withHttpPort(httpPort);
        }
        settings = settings.withDevices(devices()).withJournal(journal(settings.journal()));
        return ring == null ? settings : settings.withRing(ring);
    }

    private DeviceConfig devices() {
        try {
            return new DeviceConfig(
                    iommus.stream().map(DeviceText::iommu).toList(),
                    disks.stream().map(DeviceText::disk).toList(),
                    hypercalls.stream().map(DeviceText::hypercalls).toList(),
                    DeviceConfig.DEFAULT_POLL_US);
        } catch (ConfigException wrong) {
            throw CommandException.usage(String.valueOf(wrong.getMessage()));
        }
    }

    private HostConfig.@Nullable Kind host() {
        try {
            return host == null ? null : HostConfig.Kind.of(host);
        } catch (IllegalArgumentException unknown) {
            throw CommandException.usage("--" + unknown.getMessage());
        }
    }

    private static int endpoint(String address) {
        try {
            return EndpointId.parse(address);
        } catch (IllegalArgumentException wrong) {
            throw CommandException.usage("--" + wrong.getMessage());
        }
    }

    private JournalConfig journal(JournalConfig configured) {
        if (noJournal) {
            return configured.off();
        }
        return journal == null ? configured : configured.at(journal);
    }

    private Plant planted() {
        if (plant == null) {
            return Plant.NONE;
        }
        try {
            return Plant.valueOf(plant.toUpperCase(Locale.ROOT));
        } catch (IllegalArgumentException unknown) {
            throw CommandException.usage("--plant=" + plant + " known: flush, map, status");
        }
    }

    /**
     * Runs in the shutdown hook, on SIGTERM and on Ctrl-C. A JVM that a signal ends would exit with 128 plus its number;
     * a stop that went well is a success, and halt is the one way to say so from a hook. The hook is the only one in the
     * process, and all is closed by then.
     */
    private static void stop(RunningService service) {
        int code = ExitCode.DONE;
        try {
            service.close();
        } catch (RuntimeException failed) {
            System.getLogger(ServeCommand.class.getName()).log(System.Logger.Level.ERROR, "stop failed", failed);
            System.err.println(
                    "pvi: stop failed: " + failed); // the log may be closed already: it has a hook of its own
            code = ExitCode.REFUSED;
        }
        Runtime.getRuntime().halt(code);
    }
}
