package org.pviommu.server.rest;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import java.net.http.HttpResponse;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import org.pviommu.server.Json;

/** What every error of the API has in common. */
final class ProblemAssert {
    private ProblemAssert() {}

    /** RFC 9457, with the status it came with; nothing of our inside in it (catalogue F11). The detail. */
    static String isProblem(HttpResponse<String> answer, int status) {
        assertEquals(status, answer.statusCode(), answer::body);
        assertEquals(
                "application/problem+json",
                answer.headers().firstValue("Content-Type").orElse(""));
        Map<String, ?> problem = Json.object(answer.body());
        Set<String> members = new HashSet<>(problem.keySet());
        members.remove("journalIndex"); // only where something had been recorded
        assertEquals(Set.of("type", "title", "status", "detail"), members);
        assertEquals((long) status, problem.get("status"));
        String detail = String.valueOf(problem.get("detail"));
        for (String inside : new String[] {"Exception", "\tat ", "io.micronaut", "java.", "org.pviommu", "/tmp/"}) {
            assertFalse(detail.contains(inside), detail);
        }
        return detail;
    }
}
