package org.pviommu.server.rest;

import io.swagger.v3.oas.annotations.OpenAPIDefinition;
import io.swagger.v3.oas.annotations.info.Info;
import io.swagger.v3.oas.annotations.info.License;

/** Head of the generated OpenAPI file. */
@OpenAPIDefinition(
        info =
                @Info(
                        title = "PV-IOMMU service",
                        version = "1",
                        description = "Guests, address spaces, endpoints and DMA of one service. Addresses and frame "
                                + "numbers are hex strings; counts are numbers; ranges are inclusive. Errors are RFC "
                                + "9457 problems. Requests other than GET and HEAD need the token of the run directory "
                                + "(Authorization: Bearer) unless they come over its Unix socket.",
                        license = @License(name = "Apache-2.0")))
final class ApiDescription {
    private ApiDescription() {}
}
