package org.pviommu.server;

import io.micronaut.context.ApplicationContext;
import io.micronaut.http.server.exceptions.ServerStartupException;
import io.micronaut.runtime.server.EmbeddedServer;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import org.pviommu.server.rest.AdminToken;

/**
 * The HTTP listeners: TCP on 127.0.0.1 and a Unix socket. They exist only with the addresses given here: environment
 * variables cannot move them to another interface.
 */
public final class HttpApi implements AutoCloseable {
    /** Loopback only; there is no setting for another one. */
    public static final String HOST = "127.0.0.1";

    private static final int MAX_BODY_BYTES = 64 << 10;
    private static final int MAX_HEADER_BYTES = 8 << 10;
    private static final int ANY_FREE_PORT = -1;

    private final ApplicationContext context;
    private final EmbeddedServer server;

    private HttpApi(ApplicationContext context, EmbeddedServer server) {
        this.context = context;
        this.server = server;
    }

    /**
     * Starts to answer.
     *
     * @param port TCP port, or 0 for any free one
     * @param socket Unix socket; must not exist
     * @throws StartException when one of them cannot be listened on
     */
    public static HttpApi start(IommuService service, String token, int port, Path socket) {
        ApplicationContext context = ApplicationContext.builder(HttpApi.class, "pvi")
                .singletons(service, new AdminToken(token))
                .properties(properties(port, socket))
                .environmentPropertySource(false)
                .deduceEnvironment(false)
                .deduceCloudEnvironment(false)
                .bootstrapEnvironment(false)
                .banner(false)
                .build();
        try {
            context.start();
            return new HttpApi(context, context.getBean(EmbeddedServer.class).start());
        } catch (ServerStartupException refused) {
            context.close();
            throw new StartException(
                    "http-port=" + port + " socket=" + socket + " cannot be listened on: " + refused.getMessage(),
                    refused);
        } catch (RuntimeException failed) {
            context.close();
            throw failed;
        }
    }

    private static Map<String, Object> properties(int port, Path socket) {
        Map<String, Object> properties = new HashMap<>();
        properties.put("micronaut.application.name", "pv-iommu");
        String listeners = "micronaut.server.netty.listeners.";
        properties.put(listeners + "tcp.host", HOST);
        properties.put(listeners + "tcp.port", port == 0 ? ANY_FREE_PORT : port);
        properties.put(listeners + "local.family", "UNIX");
        properties.put(listeners + "local.path", socket.toString());
        properties.put("micronaut.server.max-request-size", MAX_BODY_BYTES);
        properties.put("micronaut.server.netty.max-header-size", MAX_HEADER_BYTES);
        properties.put("micronaut.server.idle-timeout", "10s");
        properties.put("micronaut.server.read-idle-timeout", "10s");
        properties.put("micronaut.server.write-idle-timeout", "10s");
        properties.put("micronaut.server.date-header", false);
        String pages = "micronaut.router.static-resources.";
        properties.put(pages + "page.mapping", "/**");
        properties.put(pages + "page.paths", "classpath:web");
        properties.put(pages + "api.mapping", "/api/v1/spec/**");
        properties.put(pages + "api.paths", "classpath:META-INF/swagger");
        properties.put("endpoints.all.enabled", false);
        properties.put("endpoints.health.enabled", true);
        properties.put("endpoints.health.sensitive", false);
        properties.put("endpoints.health.details-visible", "ANONYMOUS");
        properties.put("endpoints.health.disk-space.enabled", false);
        properties.put("micronaut.serde.serialization.inclusion", "ALWAYS");
        properties.put("micronaut.serde.deserialization.ignore-unknown", false);
        return properties;
    }

    /** Base URL of the TCP listener. */
    public String url() {
        return "http://" + HOST + ":" + server.getPort();
    }

    /** The framework's beans; for tests that list the routes. */
    public ApplicationContext context() {
        return context;
    }

    /** Answers requests under way and stops listening. */
    @Override
    public void close() {
        context.close();
    }
}
