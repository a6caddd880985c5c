// SPDX-License-Identifier: Apache-2.0
// Runs Debezium's engine with the properties of a file, and prints each event as one line of its topic, key, id, type,
// traceparent and payload in hexadecimal.
import io.debezium.engine.DebeziumEngine;
import io.debezium.engine.format.Binary;
import io.debezium.engine.format.Json;
import io.debezium.engine.format.KeyValueHeaderChangeEventFormat;
import java.io.FileReader;
import java.util.HexFormat;
import java.util.Properties;

public class Outbox {
    // Texts come as JSON, so in quotation marks; ours contain nothing that JSON escapes.
    static String text(Object value) {
        if (value == null) return "";
        String text = value.toString();
        return text.startsWith("\"") ? text.substring(1, text.length() - 1) : text;
    }

    public static void main(String[] arguments) throws Exception {
        Properties properties = new Properties();
        try (FileReader file = new FileReader(arguments[0])) {
            properties.load(file);
        }
        DebeziumEngine.create(KeyValueHeaderChangeEventFormat.of(Json.class, Binary.class, Json.class))
            .using(properties)
            .notifying(event -> {
                StringBuilder line = new StringBuilder(event.destination() + "\t" + text(event.key()));
                for (String wanted : new String[] {"id", "ce_type", "traceparent"}) {
                    String found = "";
                    for (var header : event.headers())
                        if (header.getKey().equals(wanted)) found = text(header.getValue());
                    line.append("\t").append(found);
                }
                System.out.println(line + "\t" + HexFormat.of().formatHex((byte[]) (Object) event.value()));
                System.out.flush();
            })
            .build()
            .run();
    }
}
