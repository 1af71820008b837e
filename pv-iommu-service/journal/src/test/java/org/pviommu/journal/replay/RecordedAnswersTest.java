package org.pviommu.journal.replay;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.pviommu.engine.OutsideEvents;
import org.pviommu.journal.record.OutsideEvent;

class RecordedAnswersTest {
    private final RecordedAnswers answers = new RecordedAnswers();

    private static OutsideEvent host(int firstCall, int calls, long answer) {
        return new OutsideEvent(OutsideEvents.Kind.HOST, firstCall, calls, answer);
    }

    private static OutsideEvent table(int firstCall, int calls) {
        return new OutsideEvent(OutsideEvents.Kind.TABLE, firstCall, calls, 0);
    }

    private void assertHostAnswers(long... expected) {
        for (int i = 0; i < expected.length; i++) {
            assertEquals(expected[i], answers.host(100), "question " + i);
        }
    }

    @Test
    void shouldGiveTheUsualAnswerWhereNothingIsRecorded() {
        answers.use(List.of());

        assertHostAnswers(100, 100, 100);
        assertFalse(answers.refusesTablePage());
    }

    @Test
    void shouldGiveEachAnswerAtItsQuestion() {
        answers.use(List.of(host(1, 2, -5), host(3, 1, 7), host(6, 1, 0)));

        assertHostAnswers(100, -5, -5, 7, 100, 100, 0, 100);
    }

    @Test
    void shouldCountTablePagesOnTheirOwn() {
        answers.use(List.of(host(0, 1, -5), table(1, 2), host(1, 1, -16)));

        assertFalse(answers.refusesTablePage());
        assertHostAnswers(-5);
        assertTrue(answers.refusesTablePage());
        assertHostAnswers(-16, 100);
        assertTrue(answers.refusesTablePage());
        assertFalse(answers.refusesTablePage());
    }

    @Test
    void shouldBeginAnewWithEachCall() {
        answers.use(List.of(host(0, 1000, -5), table(0, 1)));
        assertHostAnswers(-5, -5);

        answers.use(List.of(host(1, 1, -4)));

        assertHostAnswers(100, -4, 100);
        assertFalse(answers.refusesTablePage());
    }

    /** As large as the format can say. */
    @Test
    void shouldSurviveTheLargestNumbers() {
        answers.use(List.of(host(0, Integer.MAX_VALUE, -5), table(Integer.MAX_VALUE, 1)));

        assertHostAnswers(-5, -5, -5);
        assertFalse(answers.refusesTablePage());
    }
}
