package org.pviommu.server;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class TextTest {

    @ParameterizedTest
    @CsvSource({
        "0,0",
        "7,7",
        "0x0,0",
        "0x1f,31",
        "0X1f,",
        "0xFF,255",
        "0xffffffffffffffff,-1",
        "18446744073709551615,-1"
    })
    void shouldReadCanonicalNumbers(String text, Long expected) {
        if (expected == null) {
            assertThrows(IllegalArgumentException.class, () -> Text.parseUnsigned("n", text, -1L));
        } else {
            assertEquals(expected, Text.parseUnsigned("n", text, -1L));
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                " 1",
                "1 ",
                "+1",
                "-1",
                "01",
                "00",
                "0x",
                "0x1_0",
                "1e3",
                "0x10000000000000000",
                "١",
                "a",
                "18446744073709551616",
                "99999999999999999999999"
            })
    void shouldRefuseEverythingElse(String text) {
        String message = assertThrows(IllegalArgumentException.class, () -> Text.parseUnsigned("bfn", text, -1L))
                .getMessage();

        assertTrue(String.valueOf(message).startsWith("bfn="), message);
    }

    @Test
    void shouldNameTheLimit() {
        String message = assertThrows(IllegalArgumentException.class, () -> Text.parseUnsigned("bfn", "0x101", 0x100))
                .getMessage();

        assertEquals("bfn=0x101 max=0x100", message);
    }

    @Test
    void F14_controlCharactersStayOnOneLine() {
        assertEquals("a\\u000d\\u000ab", Text.quote("a\r\nb"));
        assertTrue(Text.quote("x".repeat(10_000)).length() < 130);
    }

    @ParameterizedTest
    @CsvSource({"0000:00:00.0,0", "0001:00:01.0,65544", "0000:01:00.0,256", "ffff:ff:1f.7,-1"})
    void shouldWriteAndReadEndpointIds(String text, int id) {
        assertEquals(id, EndpointId.parse(text));
        assertEquals(text, EndpointId.format(id));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "0",
                "0000:00:00",
                "0:0:0.0",
                "0000:00:20.0",
                "0000:00:00.8",
                "000G:00:00.0",
                "FFFF:00:00.0",
                "0000:00:00.0 ",
                "00000:00:00.0"
            })
    void F07_shouldRefuseOtherSpellingsOfEndpointIds(String text) {
        assertThrows(IllegalArgumentException.class, () -> EndpointId.parse(text));
    }

    @Test
    void shouldGiveEachGuestItsOwnDefaultEndpoint() {
        assertEquals("0007:00:01.0", EndpointId.format(EndpointId.defaultOf(7)));
        assertEquals("ffff:00:01.0", EndpointId.format(EndpointId.defaultOf(0xffff)));
        assertThrows(IllegalArgumentException.class, () -> EndpointId.defaultOf(0x10000));
        assertThrows(IllegalArgumentException.class, () -> EndpointId.defaultOf(-1));
    }
}
