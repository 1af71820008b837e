package org.pviommu.server;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.pviommu.server.config.ServiceSettings;
import org.pviommu.server.run.RunDirectory;
import org.pviommu.server.run.RunFiles;

/** A whole service in a run directory, from the lock to the ready file. What {@code pvi serve} runs. */
public final class RunningService implements AutoCloseable {
    private final RunDirectory directory;
    private final IommuService iommu;
    private final HttpApi http;

    private RunningService(RunDirectory directory, IommuService iommu, HttpApi http) {
        this.directory = directory;
        this.iommu = iommu;
        this.http = http;
    }

    /**
     * Starts everything and says so in the ready file; on failure nothing is left running.
     *
     * @throws org.pviommu.server.run.RunDirectoryException when the directory is taken or unusable
     * @throws StartException when an address cannot be listened on
     */
    public static RunningService start(Path runDir, ServiceSettings settings, Plant plant) {
        RunDirectory directory = RunDirectory.claim(runDir);
        IommuService iommu = null;
        try {
            Path ring = ringPath(directory, settings.ring());
            iommu = IommuService.start(settings, ring, directory.path().resolve(RunFiles.JOURNAL), plant);
            Path socket = directory.socket(RunFiles.API_SOCKET);
            HttpApi http = HttpApi.start(iommu, directory.token(), settings.httpPort(), socket);
            RunningService running = new RunningService(directory, iommu, http);
            directory.publishReady(Json.write(running.addresses()) + "\n");
            return running;
        } catch (RuntimeException failed) {
            if (iommu != null) {
                iommu.close();
            }
            directory.close();
            throw failed;
        }
    }

    /** A path of the operator's own choice is not cleared here: the transport only removes a socket nobody serves. */
    private static Path ringPath(RunDirectory directory, @Nullable Path configured) {
        return configured != null ? configured.toAbsolutePath() : directory.socket(RunFiles.RING_SOCKET);
    }

    /** What a client needs to find this service, in the order of the ready file. */
    public Map<String, Object> addresses() {
        Map<String, Object> addresses = new LinkedHashMap<>();
        addresses.put("http", http.url());
        addresses.put("socket", directory.path().resolve(RunFiles.API_SOCKET).toString());
        addresses.put("ring", iommu.ringPath().toString());
        addresses.put("pid", ProcessHandle.current().pid());
        return addresses;
    }

    /** Engine, host and ring. */
    public IommuService iommu() {
        return iommu;
    }

    /** The HTTP side. */
    public HttpApi http() {
        return http;
    }

    /** The run directory. */
    public RunDirectory directory() {
        return directory;
    }

    /** Clients first, then guests, then the directory: nobody is told about a service that no longer answers. */
    @Override
    public void close() {
        directory.remove(RunFiles.READY);
        http.close();
        directory.remove(RunFiles.API_SOCKET);
        iommu.close();
        directory.close();
    }
}
