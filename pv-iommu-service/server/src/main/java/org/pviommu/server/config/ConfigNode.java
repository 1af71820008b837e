package org.pviommu.server.config;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.pviommu.server.Text;

/**
 * One section of the configuration file. Every key that is asked for is remembered, so that {@link #refuseOthers} can
 * name the ones nobody knows: a misspelt limit must not silently be no limit.
 */
final class ConfigNode {
    private final String path;
    private final Map<?, ?> values;
    private final TreeSet<String> known = new TreeSet<>();

    private ConfigNode(String path, Map<?, ?> values) {
        this.path = path;
        this.values = values;
    }

    /** The section at {@code path} (empty for the whole file); a missing one counts as empty. */
    static ConfigNode of(String path, @Nullable Object value) {
        if (value == null || "".equals(value)) {
            return new ConfigNode(path, Map.of());
        }
        if (value instanceof Map<?, ?> map) {
            return new ConfigNode(path, map);
        }
        throw new ConfigException(path + "=" + shown(value) + " is not a section of keys and values");
    }

    String path(String key) {
        return path.isEmpty() ? key : path + "." + key;
    }

    List<String> keys() {
        List<String> keys = new ArrayList<>();
        for (Object key : values.keySet()) {
            keys.add(String.valueOf(key));
        }
        return keys;
    }

    boolean has(String key) {
        known.add(key);
        return values.containsKey(key);
    }

    ConfigNode section(String key) {
        return of(path(key), raw(key));
    }

    boolean flag(String key, boolean otherwise) {
        Object value = raw(key);
        if (value == null) {
            return otherwise;
        }
        return switch (value.toString()) {
            case "true" -> true;
            case "false" -> false;
            default -> throw new ConfigException(path(key) + "=" + shown(value) + " is neither true nor false");
        };
    }

    /** A number within {@code [min, max]}, decimal or hex with 0x. */
    long number(String key, long otherwise, long min, long max) {
        Object value = raw(key);
        if (value == null) {
            return otherwise;
        }
        long number = parse(path(key), text(path(key), value));
        if (number < min || number > max) {
            throw new ConfigException(path(key) + "=" + shown(value) + " min=" + min + " max=" + max);
        }
        return number;
    }

    @Nullable
    String text(String key) {
        Object value = raw(key);
        return value == null ? null : text(path(key), value);
    }

    List<?> list(String key) {
        Object value = raw(key);
        if (value == null) {
            return List.of();
        }
        if (value instanceof List<?> list) {
            return list;
        }
        throw new ConfigException(path(key) + "=" + shown(value) + " is not a list");
    }

    /** To be called when all keys were asked for. */
    void refuseOthers() {
        for (String key : keys()) {
            if (!known.contains(key)) {
                throw new ConfigException("unknown key " + path(Text.quote(key)) + "=" + shown(values.get(key))
                        + "; known here: " + known);
            }
        }
    }

    private @Nullable Object raw(String key) {
        known.add(key);
        return values.get(key);
    }

    /** Numbers of frames and the like: below 2^63, so that sums of two need no special care. */
    static long parse(String name, String text) {
        try {
            return Text.parseUnsigned(name, text, Long.MAX_VALUE);
        } catch (IllegalArgumentException wrong) {
            throw new ConfigException(String.valueOf(wrong.getMessage()), wrong);
        }
    }

    static String text(String path, Object value) {
        if (value instanceof String text) {
            return text;
        }
        throw new ConfigException(path + "=" + shown(value) + " is not a single value");
    }

    private static String shown(@Nullable Object value) {
        return Text.quote(String.valueOf(value));
    }
}
