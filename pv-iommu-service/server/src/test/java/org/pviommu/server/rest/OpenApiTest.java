package org.pviommu.server.rest;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class OpenApiTest {
    private static final String UPDATE = """
            the API has changed; if that is meant, run in the root of the project:
              cp pv-iommu-service/server/target/classes/META-INF/swagger/openapi.yml docs/openapi.yaml
            """;

    @Test
    void shouldBeTheCommittedOne() throws IOException {
        String committed = Files.readString(Path.of("../../docs/openapi.yaml"));

        try (InputStream generated = OpenApiTest.class.getResourceAsStream("/META-INF/swagger/openapi.yml")) {
            assertNotNull(generated, "the annotation processor wrote no OpenAPI file");
            assertEquals(committed, new String(generated.readAllBytes(), StandardCharsets.UTF_8), UPDATE);
        }
    }
}
