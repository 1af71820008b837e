package org.pviommu.server.cli;

import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;

/** Builds request paths; whatever the user typed is encoded, never interpreted. */
final class Paths {
    private Paths() {}

    static String space(String guest, String context) {
        return "/api/v1/guests/" + encode(guest) + "/address-spaces/" + encode(context);
    }

    static String encode(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8).replace("+", "%20");
    }
}
