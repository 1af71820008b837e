package org.pviommu.server.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Columns for people, and access to the generic values that {@link org.pviommu.server.Json} reads. */
final class Table {
    private static final String GAP = "  ";

    private Table() {}

    /** Header and rows, each column as wide as its widest cell. */
    static String format(List<String> header, List<List<String>> rows) {
        List<List<String>> all = new ArrayList<>();
        all.add(header);
        all.addAll(rows);
        StringBuilder out = new StringBuilder();
        for (List<String> row : all) {
            StringBuilder line = new StringBuilder();
            for (int column = 0; column < row.size(); column++) {
                line.append(row.get(column))
                        .append(" ".repeat(width(all, column) - row.get(column).length()))
                        .append(GAP);
            }
            out.append(line.toString().stripTrailing()).append(System.lineSeparator());
        }
        return out.toString();
    }

    private static int width(List<List<String>> rows, int column) {
        return rows.stream().mapToInt(row -> row.get(column).length()).max().orElse(0);
    }

    /** The objects in the list called {@code name}. */
    static List<Map<?, ?>> objects(Map<?, ?> answer, String name) {
        List<Map<?, ?>> objects = new ArrayList<>();
        if (answer.get(name) instanceof List<?> list) {
            for (Object element : list) {
                if (element instanceof Map<?, ?> object) {
                    objects.add(object);
                }
            }
        }
        return objects;
    }

    /** The object called {@code name}; empty when there is none. */
    static Map<?, ?> object(Map<?, ?> answer, String name) {
        return answer.get(name) instanceof Map<?, ?> object ? object : Map.of();
    }

    /** A value as text; what is not there is a dash, a list is its elements. */
    static String cell(Map<?, ?> object, String name) {
        return cell(object.get(name));
    }

    private static String cell(@Nullable Object value) {
        if (value == null) {
            return "-";
        }
        if (value instanceof List<?> list) {
            return list.isEmpty()
                    ? "-"
                    : String.join(",", list.stream().map(String::valueOf).toList());
        }
        return value.toString();
    }

    /** One row per object in the list called {@code name}, with the given fields. */
    static List<List<String>> rows(Map<?, ?> answer, String name, List<String> fields) {
        List<List<String>> rows = new ArrayList<>();
        for (Map<?, ?> object : objects(answer, name)) {
            rows.add(fields.stream().map(field -> cell(object, field)).toList());
        }
        return rows;
    }

    /** Two columns: the object's own values by name, nested objects flattened, lists of objects counted. */
    static List<List<String>> pairs(Map<?, ?> object) {
        List<List<String>> rows = new ArrayList<>();
        object.forEach((key, value) -> {
            if (value instanceof Map<?, ?> nested) {
                rows.addAll(pairs(nested));
            } else if (value instanceof List<?> list && !list.isEmpty() && list.getFirst() instanceof Map<?, ?>) {
                rows.add(List.of(String.valueOf(key), "(" + list.size() + ")"));
            } else {
                rows.add(List.of(String.valueOf(key), cell(value)));
            }
        });
        return rows;
    }
}
